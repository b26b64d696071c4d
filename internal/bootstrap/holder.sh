# The link holder: keeps ~/.ssh/ssh_auth_sock pointed to the agent that this connection forwards.
#
# It is sent to /bin/sh on its standard input, in the session that has the agent forwarded, and its orders follow on the
# same stream. Some shells read a script in blocks, so all of it is one compound command, parsed before it runs, and no
# order is sent before its first line of output. An assignment to first, the order to begin with, may precede it.
# holder.go has the other side and describes the lines. The loop uses builtins only: an idle holder starts no process.
#
# shellcheck shell=sh disable=SC3013,SC3067
{
exec 2>/dev/null
LC_ALL=C
PATH=${PATH:+$PATH:}/usr/bin:/bin
export LC_ALL PATH
newline='
'
link=$HOME/.ssh/ssh_auth_sock
new=$link.$$

# ours FILE: whether FILE is a socket of this user, and not a link.
ours() { [ -S "$1" ] && [ ! -h "$1" ] && [ -O "$1" ]; }

# find_agent: sets agent to the socket that sshd made for this connection, or to nothing. SSH_AUTH_SOCK names it unless
# a start-up file has put something else there, such as the link itself. sshd up to 10.0 then shows the way by its pid,
# which is our parent's; from 10.1 on the newest socket has to do.
find_agent() {
  agent=${SSH_AUTH_SOCK-}
  [ -n "$agent" ] || return
  case $agent in
  /tmp/ssh-*/agent.* | */.ssh/agent/s.*.sshd.*) ours "$agent" && return ;;
  esac
  for socket in /tmp/ssh-*/agent."$PPID"; do
    ours "$socket" && agent=$socket && return
  done
  newest=
  for socket in "$HOME"/.ssh/agent/s.*.sshd.*; do
    ours "$socket" || continue
    if [ -z "$newest" ] || [ "$socket" -nt "$newest" ]; then newest=$socket; fi
  done
  [ -z "$newest" ] || { agent=$newest; return; }
  # A server that is not OpenSSH names it as it likes.
  ours "$agent" || agent=
}

# holds: whether the link points to our agent.
holds() { [ -h "$link" ] && [ "$(readlink "$link")" = "$agent" ]; }

# fail STEP: says in one line why the link could not be set. Not by echo, which may take a backslash for an order.
fail() {
  rm -f "$new"
  # shellcheck disable=SC2086
  printf '%s ' link failed "$1" $why
  echo
}

# claim: points the link to our agent, whoever has it. A file of another kind stays.
claim() {
  why=
  [ -n "$agent" ] || { fail agent; return; }
  if holds; then
    echo "link ok"
    return
  fi
  if [ -e "$link" ] && [ ! -h "$link" ]; then
    fail occupied
    return
  fi
  why=$( (umask 077; mkdir -p "$HOME/.ssh") 2>&1) || { fail mkdir; return; }
  why=$({ rm -f "$new" && ln -s "$agent" "$new"; } 2>&1) || { fail write; return; }
  # A link of no use goes first: mv would move the new one into a directory that it leads to, or fail at a loop.
  [ -S "$link" ] || rm -f "$link"
  why=$(mv -f "$new" "$link" 2>&1) || { fail rename; return; }
  echo "link ok"
}

# reclaim: claims the link unless it leads to a live agent of somebody else.
reclaim() {
  if [ -S "$link" ] && ! holds; then
    echo "link kept"
  else
    claim
  fi
}

# release: removes the link if it is still ours. The trap calls it.
# shellcheck disable=SC2317
release() {
  [ -z "$agent" ] || ! holds || rm -f "$link"
  rm -f "$new"
}

# obey ORDER: fails when nobody reads our answers any more.
obey() {
  case $1 in
  claim) claim ;;
  reclaim) reclaim ;;
  'ping '*) echo "pong ${1#ping }" ;;
  quit) exit 0 ;;
  esac
}

agent=
trap release 0
trap 'exit 0' HUP INT TERM
trap '' PIPE

# The empty line ends whatever start-up files have printed.
echo
echo 'mosha-holder 1'
printf '%s\n' "conn ${SSH_CONNECTION:--}"
find_agent
case $agent in *"$newline"*) agent= ;; esac
printf '%s\n' "agent ${agent:-none}"
obey "${first-}"
while IFS= read -r order; do
  obey "$order" || break
done
exit 0
}
