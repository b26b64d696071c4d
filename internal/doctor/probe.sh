# The doctor's probe: looks at the remote and changes nothing there.
#
# /bin/sh reads it on its standard input, and its orders on the same stream.
# Some shells read a script in blocks, so all of it is one compound command,
# parsed before it runs, and the doctor sends no order before its first line of
# output. Assignments precede it: part, what to look at; token, a word that
# nothing else prints; and what the part needs. probe.go has the other side and
# describes the lines. The end of input is the last order: the probe then ends
# all that it started.
#
# shellcheck shell=sh disable=SC2154,SC3013
{
exec 2>/dev/null
trap '' PIPE
PATH=${PATH:+$PATH:}/usr/bin:/bin
export PATH

# can DIR: as in place.sh, but without a try, since the probe changes nothing.
# shellcheck disable=SC2317
can() { [ -w "$1" ]; }
find_place

# find_link: sets link to the one that matters: in a home that several hosts
# share, the one in it leads to each host's own.
find_link() {
  link=$home
  case $(readlink "$home") in /run/user/*/ssh_auth_sock) link=$(readlink "$home") ;; esac
}
find_link

# text WORD LIMIT: the first lines of its input, cut, each with the word before
# it.
text() { head -n "$2" | cut -c 1-2000 | sed "s/^/$1 /"; }

# plain: sets plain to the text of the link without the mark of a holder's
# repair.
plain() {
  plain=$(readlink "$1")
  case $plain in /./*) plain=${plain#/.} ;; esac
}

# state SOCKET: none, live or dead. What another user may have made anew in /tmp
# counts as dead.
state() {
  name=$1
  [ ! -h "$1" ] || { plain "$1"; name=$plain; }
  if case $name in /tmp/*) ours "$name" ;; esac && listens "$1" "$name"; then echo live; elif [ -e "$1" ] || [ -h "$1" ]; then echo dead; else echo none; fi
}

# link_line: what the link is.
link_line() {
  if [ -h "$link" ]; then
    printf 'link %s %s\n' "$(state "$link")" "$(readlink "$link")"
  elif [ -e "$link" ]; then
    echo 'link occupied -'
  else
    echo 'link none -'
  fi
}

# configured FILE...: the lines of sshd_config(5) that can keep a session from
# what it needs.
configured() {
  for file; do
    [ -e "$file" ] || continue
    [ -r "$file" ] || { echo "unreadable $file"; continue; }
    grep -n -i -E '^[[:space:]]*(match|allowagentforwarding|disableforwarding|permituserrc|forcecommand)[[:space:]=]' \
      "$file" /dev/null | text sshd 60
  done
}

# agents: the process ids of the ssh-agents there are.
agents() {
  ps -A -o pid= -o comm= | while read -r pid name; do
    case $name in *ssh-agent*) printf ' %s ' "$pid" ;; esac
  done
}

# end_tree PID...: ends these processes and all that is below them, which a
# killed shell would leave behind. The process group is our own. A stopped
# process starts nothing more, so that the first look that finds nothing is the
# last; the number of looks is bounded since some processes are not ours to
# stop. The given ones end last, since somebody may wait for them. Without a ps
# it ends these alone.
# shellcheck disable=SC2086
end_tree() {
  tree=
  for pid; do
    case $pid in '' | 0 | *[!0-9]*) ;; *) tree="$tree $pid" ;; esac
  done
  found=$tree
  for _ in 1 2 3 4 5 6 7 8 9; do
    [ -n "$found" ] || break
    kill -STOP $found
    found=$(below "$tree")
    tree=$found$tree
  done
  [ -z "$tree" ] || kill -KILL $tree
}

# below PIDS: the ids of the processes below these, as far as one look shows
# them.
below() {
  tree="$1 " # begins with a blank
  ps -A -o pid= -o ppid= | while read -r pid parent; do
    case $tree in *" $pid "*) continue ;; esac
    case $tree in *" $parent "*) tree="$tree$pid " && printf ' %s' "$pid" ;; esac
  done
}

# tells: the command for a login shell. It means the same to every shell. bash
# keeps its further descriptors from programs, so the shell itself has to
# redirect.
tells() { printf '%s\n' "sh -c 'printf \"\\nsh %s %s %s\\n\" $1 \"\${SSH_AGENT_PID:--}\" \"\${SSH_AUTH_SOCK-}\"'"; }

# fresh NAME PATH: a login shell as a login finds it, without an agent of its
# own. Of our environment it gets what a server sets and start-up files go by;
# where there is a ~/.zshenv, that file sets ZDOTDIR. What its start-up files
# print goes nowhere, except for csh, which has no further descriptors. There
# may be no link now, and then start-up files leave SSH_AUTH_SOCK alone, except
# in a window of screen or tmux. So the shell believes to be in one: what
# matters is what it would have in a session.
# shellcheck disable=SC2086
fresh() {
  job=
  trap - PIPE
  trap 'end_tree "$job"; exit' TERM
  zdotdir=${ZDOTDIR-}
  [ ! -e "$HOME/.zshenv" ] || zdotdir=
  set -- "$1" env -i HOME="$HOME" USER="$user" LOGNAME="$user" SHELL="$2" PATH="$PATH" TERM=dumb \
    ${LANG:+"LANG=$LANG"} ${XDG_RUNTIME_DIR:+"XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR"} \
    ${XDG_CONFIG_HOME:+"XDG_CONFIG_HOME=$XDG_CONFIG_HOME"} ${zdotdir:+"ZDOTDIR=$zdotdir"} \
    SSH_CONNECTION="${SSH_CONNECTION-}" SSH_CLIENT="${SSH_CLIENT-}" STY=mosha "$2" -l
  name=$1
  shift
  case $name in
  *csh) tells "$name" | "$@" & ;;
  *) "$@" -i -c "$(tells "$name") >&3" 3>&1 >/dev/null </dev/null & ;;
  esac
  job=$!
  wait "$job"
  echo "ended $name"
}

# used NAME: whether the user has start-up files for that shell.
used() {
  case $1 in
  bash) set -- .bashrc .bash_profile .bash_login ;;
  zsh) set -- .zshenv .zprofile .zshrc .zlogin ;;
  fish) set -- .config/fish ;;
  tcsh) set -- .tcshrc .cshrc .login ;;
  mksh | ksh) set -- .mkshrc .kshrc ;;
  esac
  for file; do [ ! -e "$HOME/$file" ] || return 0; done
  return 1
}

# shells: asks the login shell and the others that the user has start-up files
# for.
shells() {
  user=$(id -un)
  known=$(agents)
  own=${SHELL:-/bin/sh}
  jobs=
  echo "login ${own##*/} $own"
  fresh "${own##*/}" "$own" &
  jobs=$!
  for name in bash zsh fish tcsh mksh ksh; do
    if [ "$name" = "${own##*/}" ] || ! used "$name"; then continue; fi
    path=$(command -v "$name") || continue
    case $path in /*) ;; *) continue ;; esac
    echo "other $name"
    fresh "$name" "$path" &
    jobs="$jobs $!"
  done
}

# reap PID: ends an ssh-agent that a start-up file has started for one of our
# shells.
reap() {
  case $known in *" $1 "*) return ;; esac
  case $(ps -o comm= -p "$1") in *ssh-agent*) kill "$1" ;; esac
}

facts() {
  if [ -w "$HOME" ]; then echo 'home writable'; else echo 'home fixed'; fi
  echo "place $place"
  [ -z "$taken" ] || echo "taken $taken"
  link_line
  configured /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf
  if [ -r "$HOME/.ssh/authorized_keys" ]; then
    grep -v '^[[:space:]]*#' "$HOME/.ssh/authorized_keys" | text key 100
  fi
  shells
  echo end
  while IFS= read -r order; do
    case $order in
    'state '*) echo "state $(state "${order#state }")" ;;
    'reap '*) reap "${order#reap }" ;;
    esac
  done
  # Without a ps that lists parents, TERM goes to our jobs: each knows its shell.
  # shellcheck disable=SC2086
  if ps -A -o pid= -o ppid= >/dev/null; then end_tree $jobs; else kill -TERM $jobs; fi
  wait
}

# server: starts mosh-server as a launch does, and ends it. mosh-server ends
# itself when nobody has come for a minute. Start-up files that print without
# end end before they get to it; dd, which toybox may lack, bounds a line. Those
# that wait without end end with the input, which nobody else reads until then.
server() {
  echo "charmap $(locale charmap || echo unknown)"
  echo "utf8 $({ locale -a | grep -i '^c\.utf-*8' || locale -a | grep -i 'utf-*8'; } | head -n 1)"
  exec 3<&0
  {
    trap - PIPE
    MOSH_SERVER_NETWORK_TMOUT=60 MOSH_SERVER_SIGNAL_TMOUT=60 "${SHELL:-/bin/sh}" -c "$command" 2>&1 </dev/null 3<&- &
    job=$!
    echo "$token job $job"
    { while read -r _ <&3; do :; done; end_tree "$job"; } >/dev/null &
    wait "$job"
    code=$?
    kill -KILL $!
    echo "$token $code"
  } | if command -v dd >/dev/null; then dd bs=512 count=4000; else cat; fi | {
    job='' pid='' code='' lines=0
    while [ -z "$code" ] && [ "$lines" -lt 1000 ] && IFS= read -r line; do
      lines=$((lines + 1))
      case $line in
      "$token job "*) job=${line##* } ;;
      "$token "*) code=${line##* } ;;
      *)
        case $line in *'mosh-server detached, pid = '*) pid=${line##*pid = } pid=${pid%%]*} ;; esac
        printf '%s\n' "said $line"
        ;;
      esac
    done
    [ -n "$code" ] || end_tree "$job"
    echo "code ${code:-unknown}"
    while read -r _ <&3; do :; done
    end_server "$pid"
  }
}

# end_server PID: a second signal ends a server that still says goodbye to a
# client.
end_server() {
  case $1 in '' | *[!0-9]*) return ;; esac
  for signal in TERM TERM KILL; do
    kill -s "$signal" "$1" || return
    for _ in 1 2 3 4 5; do kill -0 "$1" || return; sleep .1 || sleep 1; done
  done
}

# through LINK: asks for the keys through a link that leads to another agent,
# and prints ssh-add's exit code, which is above 128 if the probe had to end it.
through() {
  SSH_AUTH_SOCK=$1 ssh-add -l >/dev/null </dev/null &
  asked=$!
  { sleep 5; kill "$asked"; } >/dev/null </dev/null &
  limit=$!
  wait "$asked"
  echo "through $?"
  end_tree "$limit"
}

# agent: looks for the forwarded agent. before is what the link was; it shows
# what ~/.ssh/rc has made of the link. agent takes that back, unless held says
# that a link holder looks after the link, and may have set it meanwhile.
agent() {
  LC_ALL=C
  export LC_ALL
  find_agent
  printf 'agent %s\n' "${agent:-none}"
  if [ "$agent" = "${SSH_AUTH_SOCK-}" ]; then echo 'named yes'; else echo 'named no'; fi
  via='socket'
  if [ -n "$agent" ] && [ "$link" -ef "$agent" ]; then via='link'; fi
  if [ "$via" != link ] && [ "$(state "$link")" = live ]; then through "$link"; fi
  if [ -n "$agent" ]; then
    sock=$agent
    [ "$via" = 'socket' ] || sock=$link
    keys=$(SSH_AUTH_SOCK=$sock ssh-add -L 2>&1 </dev/null)
    code=$?
    printf '%s\n' "$keys" | text key 100
    echo "keys $code $via"
    while IFS= read -r key; do
      why=$(printf '%s\n' "$key" | SSH_AUTH_SOCK=$sock ssh-add -T /dev/stdin 2>&1)
      echo "signed $? $(printf '%s\n' "$why" | head -n 1 | cut -c 1-300)"
    done
  else
    echo 'keys 2 none'
    while read -r _; do :; done
  fi
  # What a start-up file such as ~/.ssh/rc has made of the link for this
  # session is of no use after it.
  [ -z "$held" ] || return
  find_link
  plain "$link"
  if [ -n "$agent" ] && [ -h "$link" ] && [ "$plain" = "$agent" ] && [ "$before" != "$(readlink "$link")" ]; then
    new=$link.$$
    case $before in
    ?*) ln -s "$before" "$new" && rm -f "$link" && mv -f "$new" "$link" ;;
    *) rm -f "$link" ;;
    esac
  fi
}

# The empty line ends whatever start-up files have printed.
echo
echo "mosha-probe $token"
printf 'conn %s\n' "${SSH_CONNECTION:--}"
case $part in
facts) facts ;;
server) server ;;
agent) agent ;;
esac
exit 0
}
