# Functions for the scripts that look for the forwarded agent; they go before them.
#
# shellcheck shell=sh disable=SC2012,SC2154,SC3013,SC3067

# ours FILE: whether FILE is a socket of this user's, in a directory in which nobody else can put another in its place: the
# user's or root's, and not for others to write to. Neither may be a link: that is its owner's to change. So that it cannot
# be changed between two looks, the directory's kind and its owner come from the same one, which is the last.
ours() {
  if [ ! -S "$1" ] || [ -h "$1" ] || [ ! -O "$1" ] || [ -h "${1%/*}" ]; then return 1; fi
  me=${me:-$(id -u)}
  ls -ldn "${1%/*}" | {
    read -r mode _ uid _
    case "$mode $uid" in d????-??-*" $me" | d????-??-*' 0') ;; *) false ;; esac
  }
}

# of_sshd SOCKET: whether SOCKET, which is /tmp/ssh-*/agent.PID, is an sshd's. A person's own ssh-agent names its likewise.
of_sshd() {
  pid=${1##*/agent.}
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  read -r name <"/proc/$pid/stat" || name=$(ps -o comm= -p "$pid")
  case $name in
  *sshd*) ;;
  ?*) return 1 ;;
  *) kill -0 "$pid" ;; # the system hides what others are
  esac
}

# listens SOCKET [NAME]: whether somebody listens at SOCKET; if that is a link, it leads to NAME. Linux has a list of
# sockets, in which the flag tells one that listens, and all of the line's end is the name: others have sockets, too. Where
# it shows none, another system's or another container's, ssh-add connects: it does so first, and then finds nothing to do,
# so that it asks the agent nothing. Its exit status is 2 if it cannot.
listens() {
  [ -S "$1" ] || return
  grep -F " ${2-$1}" /proc/net/unix | (
    while read -r _ _ _ flags _ _ _ path; do [ "$flags $path" != "00010000 ${2-$1}" ] || exit 0; done
    exit 1
  ) && return
  SSH_AUTH_SOCK=$1 ssh-add -d /dev/null/none </dev/null >/dev/null
  [ $? -ne 2 ]
}

# find_agent: sets agent to the socket that sshd made for this connection, or to nothing. SSH_AUTH_SOCK names it unless a
# start-up file has put something else there: nothing, the link itself, or the socket of an agent that the person has on
# this machine, which must not pass for the forwarded one where none is forwarded. sshd up to 10.0 shows the way by its
# pid, which is our parent's unless a forced command stands between; an earlier process of that pid may have left a socket,
# but nobody listens there. From 10.1 on the newest socket has to do, if it was made just now, as ours was; but not where
# SSH_AUTH_SOCK is unset, as it is when nothing is forwarded. Two variables say what is known of the server: openssh is
# empty if it is another than OpenSSH's sshd, and earlier is the socket that was found on this connection before, if any.
find_agent() {
  agent=$earlier
  if [ -n "$agent" ] && ours "$agent"; then return; fi
  agent=${SSH_AUTH_SOCK-}
  case $agent in
  /tmp/ssh-*/agent."$PPID" | */.ssh/agent/s.*.sshd.*) ours "$agent" && return ;;
  esac
  for socket in /tmp/ssh-*/agent."$PPID"; do
    ours "$socket" && listens "$socket" && agent=$socket && return
  done
  [ -n "${SSH_AUTH_SOCK+set}" ] || return
  case $agent in
  /tmp/ssh-*/agent.*) ours "$agent" && of_sshd "$agent" && return ;;
  esac
  newest=
  for socket in "$HOME"/.ssh/agent/s.*.sshd.*; do
    ours "$socket" || continue
    if [ -z "$newest" ] || [ "$socket" -nt "$newest" ]; then newest=$socket; fi
  done
  # Below two minutes: some find(1) round up.
  if [ -n "$(find "$newest" -mmin -2)" ] && listens "$newest"; then agent=$newest; return; fi
  # A server that is not OpenSSH names it as it likes.
  if [ -n "$openssh" ] || ! ours "$agent"; then agent=; fi
}
