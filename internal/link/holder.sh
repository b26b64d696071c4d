# The link holder: keeps ~/.ssh/ssh_auth_sock pointed to the agent that this
# connection forwards.
#
# It is sent to /bin/sh on its standard input, in the session that has the agent
# forwarded, and its orders follow on the same stream. Some shells read a script
# in blocks, so all of it is one compound command, parsed before it runs, and no
# order is sent before its first line of output. Assignments precede it: first,
# the order to begin with, if any, and patience, in seconds. script.go has the
# other side and describes the lines.
#
# Whose the link is. It belongs to the last machine on which a person did
# something, here called the actor. A link that such an act has set, by a
# holder, by ~/.ssh/rc at a login or by hand, is plain. One that a holder of
# another machine has set because its owner was gone bears a mark, and the actor
# takes it back when it returns. The mark is in the link's own text, /./tmp/...
# for /tmp/..., so that nothing else is left behind.
#
# Whether its owner lives. A socket at which nobody listens shows without a word
# to anybody. A laptop that sleeps does not: its sshd is there, takes
# connections and never answers. To ask for the list of keys now and then would
# tell, but every holder would wake every other laptop, count as use of its
# agent there, and have those agents that ask before they list keys put up a
# question that nobody caused. So each holder sees to itself: one that hears no
# ping for a while gives its link up, for others to repair or for programs to
# fail at once instead of hanging, and takes it back with the next. That costs
# one sleep(1) in each while, and no traffic. A login without a holder is
# believed for as long as its sshd listens.
#
# What its keeper knows. The network may go in the middle of the first round
# trip. A keeper that has seen this sshd in the first lines ends it from its
# next connection, and the link is known there as one of its own. So one that
# comes back by itself lets us take the link only then. A claim does not wait,
# and ~/.ssh/rc may have taken a link that led nowhere: whoever hangs on such a
# socket would do so for as long as TCP takes. So a holder that never hears
# another word not only gives the link up, it ends its own sshd, too.
#
# While the link is our own a ping starts no process.
#
# A home that several hosts share has one link for all of them. There it leads
# to a link of each host's own, in the directory that systemd makes for the
# user's sessions, and that one is what this is about. Where there is no such
# directory, the hosts take the one link from each other. So the one in the home
# may lead elsewhere than to our host's. To it apply the same rules, as to what
# programs follow: one that lives stays the plain one of whoever set it, one
# that leads nowhere here is made to lead to our host's.
#
# Where ~/.ssh is not the user's to write to, the one link is in that directory,
# if there is one. place.sh tells, here and when mosh-server is started, whose
# session has to have the same.
#
# shellcheck shell=sh disable=SC2154,SC3013,SC3067
{
exec 2>/dev/null
LC_ALL=C
PATH=${PATH:+$PATH:}/usr/bin:/bin
export LC_ALL PATH
nl='
'
tab='	'
find_place
link=$home
case $place$runtime in
home?*)
  case $(stat -f -c %T "$HOME") in
  nfs* | cifs | smb* | afs | ceph | lustre | gpfs | panfs | fhgfs | v9fs | fuse*) link=$runtime ;;
  esac
  ;;
esac

# stamp PID: sets start to what tells the sshd process PID from a later one of
# that number: from proc(5) the 22nd field, of which the 2nd may have blanks and
# parentheses in it, else from ps(1). Fails if it is not sshd's or dropbear's,
# has ended, or cannot be told.
stamp() {
  start=
  if read -r s <"/proc/$1/stat"; then
    case $s in "$1 (sshd"* | "$1 (dropbear"*) ;; *) return 1 ;; esac
    # shellcheck disable=SC2086
    set -- ${s##*) }
    [ "$1" != Z ] || return
    start=${20-}
  else
    s=$(ps -o comm= -p "$1") || return
    case ${s##*/} in sshd* | dropbear*) ;; *) return 1 ;; esac
    # shellcheck disable=SC2046
    set -- $(ps -o lstart= -p "$1")
    start=${5-}_${2-}_${3-}_${4-}
  fi
  case $start in '' | ___ | *[!0-9A-Za-z:_]*) return 1 ;; esac
}

# leads LINK: whether it leads to our agent, by whatever text.
leads() { [ -n "$agent" ] && [ -h "$1" ] && [ "$1" -ef "$agent" ]; }

# holds: whether the link leads to our agent, and so does the one in the home.
holds() { leads "$link" && [ "$home" -ef "$agent" ]; }

# bare: sets plain to the text of the link without its mark.
bare() { case $target in /./*) plain=${target#/.} ;; *) plain=$target ;; esac; }

# point LINK TEXT: makes TEXT the link's, if that is not so. Fails with the step
# and why.
point() {
  why='' new=$1.$$
  if [ -h "$1" ]; then
    [ "$(readlink "$1")" != "$2" ] || return 0
  elif [ -e "$1" ]; then
    step=occupied
    return 1
  fi
  step='mkdir'
  why=$( (umask 077; mkdir -p "${1%/*}") 2>&1) || return
  step='write'
  why=$({ rm -f "$new" && ln -s "$2" "$new"; } 2>&1) || return
  # A link of no use goes first: mv would move the new one into a directory that
  # it leads to, or fail at a loop.
  [ -S "$1" ] || rm -f "$1"
  step=rename
  why=$(mv -f "$new" "$1" 2>&1)
}

# both TEXT: makes TEXT the link's, and has the one in the home lead to it.
both() { point "$link" "$1" && { [ "$home" = "$link" ] || point "$home" "$link"; }; }

# take: points the link to our agent, with the mark unless we are the actor.
take() {
  step=agent why='' target=''
  [ -S "$agent" ] || return
  if [ -n "$actor" ]; then both "$agent"; else both "/.$agent"; fi || { rm -f "$new"; return 1; }
}

# say_taken: takes the link and says in one line what became of it. Not by echo,
# which may take a backslash for an order.
say_taken() {
  if take; then
    echo 'link ok'
  else
    # shellcheck disable=SC2086
    printf '%s ' link failed "$step" $why
    echo
  fi
}

# rival LINK: whether it is another's and stays that. A plain one shows that a
# person has acted elsewhere. One that leads to an old socket of ours is none:
# if it bears the mark, it keeps it. target is the text that was seen last: what
# it leads to tells whether it is still that, or at least of the same owner.
rival() {
  [ -h "$1" ] && ! leads "$1" || return
  if [ -z "$target" ] || [ ! "$1" -ef "$target" ]; then target=$(readlink "$1"); fi
  bare
  [ "$plain" != "$link" ] || return
  case $tab$olds$tab in
  *"$tab$plain$tab"*) [ "$plain" = "$target" ] || actor=; return 1 ;;
  esac
  [ "$plain" != "$target" ] || actor=
  # In /tmp anybody may make anew what an sshd has removed, and have the link
  # lead to a socket of their own.
  case $plain in /tmp/*) ours "$plain" ;; *) [ -O "$1" ] ;; esac && { [ -z "$agent" ] || [ -z "$actor" ]; } && listens "$1" "$plain"
}

# theirs: whether the link stays another's: the one in the home, or our host's,
# to which the former then leads again if it led nowhere.
theirs() {
  [ "$home" != "$link" ] && rival "$home" && return
  rival "$link" || return
  [ "$home" = "$link" ] || [ "$home" -ef "$link" ] || point "$home" "$link" || rm -f "$new"
  :
}

# reclaim ACTOR OLDS: takes the link unless it is another's. Ours alone can be
# plain without a claim and without the mark if ~/.ssh/rc of an older version
# has set it: it is taken anew, as ACTOR says.
reclaim() {
  actor='' olds=$2 target=''
  [ "$1" != yes ] || actor=yes
  if [ -n "$agent" ] && ! holds && theirs; then echo 'link kept'; else say_taken; fi
}

# repair: points the link to our agent unless it is to stay as it is, and sets
# owner to whose it is then.
repair() {
  owner=own
  holds && return
  owner=other
  theirs && return
  owner=none
  [ -n "$agent" ] || return
  owner=failed
  take && owner=own
}

# watch: gives the link up when patience passes without an order, and ends our
# sshd when it passes twice before there was any. It starts with the script, in
# a process of its own. Every order sends it SIGCONT, which does no harm where
# it is not trapped yet, and the end SIGUSR1: one that we trap ourselves may be
# lost on a child that has just begun. For the same reason the sleep is killed
# with SIGKILL. Redirected from outside it would still hold our output open.
#
#              order                     order
#     unknown -------> known <------------------------> known, link given up
#        |                     patience without one
#        +-- patience --> unknown, link given up -- patience --> sshd ended
watch() {
  exec </dev/null >/dev/null
  unheard=0
  trap 'heard=yes' CONT
  # Before there is a sleep, "$!" is empty or, in zsh, 0, which for kill is the
  # whole process group.
  trap 'case $! in "" | 0) ;; *) kill -KILL "$!" ;; esac; exit' HUP INT TERM USR1
  while kill -0 $$; do
    heard=
    sleep "$patience" &
    nap=$!
    # A signal ends wait, but not the sleep.
    while kill -0 $nap; do
      wait $nap
      slept=$?
    done
    [ "$slept" -gt 0 ] && [ "$slept" -le 128 ] && return
    if [ -n "$heard" ]; then
      unheard=
    else
      leads "$link" && rm -f "$link"
      case $unheard in 0) unheard=1 ;; 1) bury_own; return ;; esac
    fi
  done
}

# bury PID START SOCKET...: ends an sshd of ours, which closes its sockets. A
# stopped one goes on only to end. The rest is done when the next order comes,
# or the end.
bury() {
  told=no grave=
  if [ "$1" -gt 1 ] && [ "$1" -ne $PPID ] && stamp "$1" && [ "$start" = "$2" ] && kill -TERM "$1"; then
    kill -CONT "$1"
    told=yes grave=$1 buried=$2
  fi
  shift 2
  tomb=$*
  echo "buried $told"
}

# fill: kills what is left of the one that was buried, and removes the socket at
# which nobody listens then: no sshd that is killed does, nor with SIGTERM.
fill() {
  [ -n "$tomb" ] || return
  stamp "$grave" && [ "$start" = "$buried" ] && kill -KILL "$grave"
  for _ in 1 2 3 4 5 6; do listens "$tomb" || remove "$tomb"; done
  tomb=
}

# remove SOCKET: removes one that an sshd made, by its name, and the directory
# that was made for it alone.
remove() {
  pid_of "$1"
  [ -n "$pid" ] && ours "$1" && rm -f "$1"
  case $1 in */ssh-*) rmdir "${1%/*}" ;; esac
}

# bury_own: ends the sshd of our own session. We end with it, so its socket goes
# first.
bury_own() {
  stamp $PPID || return
  remove "$agent"
  kill -TERM $PPID
}

# release: removes the link if it is still ours, though sshd may have removed
# the socket already. The trap calls it.
# shellcheck disable=SC2317
release() {
  trap '' HUP INT TERM
  [ -z "$watcher" ] || kill -USR1 "$watcher"
  fill
  if [ -n "$agent" ] && [ -h "$link" ]; then
    target=$(readlink "$link")
    bare
    [ "$plain" != "$agent" ] || rm -f "$link"
  fi
  rm -f "$new"
}

# obey ORDER: fails when nobody reads our answers any more.
obey() {
  fill
  case $1 in
  claim)
    actor=yes
    say_taken
    ;;
  'reclaim '*' '*)
    set -- "${1#reclaim }"
    reclaim "${1%% *}" "${1#* }"
    ;;
  'ping '*)
    repair
    echo "pong ${1#ping } $owner"
    ;;
  'bury '*)
    set -f
    # shellcheck disable=SC2086
    bury ${1#bury }
    set +f
    ;;
  leave)
    agent=
    exit 0
    ;;
  quit) exit 0 ;;
  esac
}

agent='' actor='' olds='' target='' watcher='' grave='' buried='' tomb='' new=$link.$$
trap release 0
trap 'exit 0' HUP INT TERM
trap '' PIPE

# The empty line ends whatever start-up files have printed.
echo
echo 'mosha-holder 1'
printf '%s\n' "conn ${SSH_CONNECTION:--}"
if stamp $PPID; then echo "sshd $PPID $start"; else echo 'sshd - -'; fi
find_agent
case $agent in *"$nl"*) agent= ;; /./*) agent=${agent#/.} ;; esac
if [ -n "$agent" ] && loops; then agent='' place=loop; fi
printf '%s\n' "agent ${agent:-none}"
echo "place $place"
obey "${first-}"
if [ -n "$agent" ]; then
  watch &
  watcher=$!
fi
while IFS= read -r order; do
  [ -z "$watcher" ] || kill -CONT "$watcher"
  obey "$order" || break
done
exit 0
}
