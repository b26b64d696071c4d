# Functions for the scripts that look for the forwarded agent; they go before them.
#
# shellcheck shell=sh disable=SC3013,SC3067

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
