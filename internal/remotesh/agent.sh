# Functions for the scripts that look for the forwarded agent; they go before
# them, and socket.sh before these.
#
# shellcheck shell=sh disable=SC2012,SC2154,SC3013,SC3067

# listens SOCKET [NAME]: whether somebody listens at SOCKET; if that is a link,
# it leads to NAME. Linux has a list of sockets, in which the flag tells one
# that listens, and all of the line's end is the name: others have sockets, too.
# Their names may have an end of line in them, and a line like another's behind
# it: where NAME tells of which process it is, that has to be there. Where not,
# or where the list shows none, as another system's or another container's,
# ssh-add connects: it does so first, and then finds nothing to do, so that it
# asks the agent nothing. Its exit status is 2 if it cannot.
listens() {
  [ -S "$1" ] || return
  grep -F " ${2-$1}" /proc/net/unix | (
    while read -r _ _ _ flags _ _ _ path; do [ "$flags $path" != "00010000 ${2-$1}" ] || exit 0; done
    exit 1
  ) && { of_sshd "${2-$1}" || [ -z "$pid" ]; } && return
  SSH_AUTH_SOCK=$1 ssh-add -d /dev/null/none </dev/null >/dev/null
  [ $? -ne 2 ]
}

# find_agent: sets agent to the socket that sshd made for this connection, or to
# nothing. SSH_AUTH_SOCK names it unless a start-up file has put something else
# there: nothing, the link itself, or the socket of an agent that the person has
# on this machine, which must not pass for the forwarded one where none is
# forwarded. sshd up to 10.0 and from 10.6 on shows the way by its pid, which is
# our parent's unless a forced command stands between; an earlier process of
# that pid may have left a socket, but nobody listens there. From 10.1 to 10.5
# the newest socket has to do, if it was made just now, as ours was; but not
# where SSH_AUTH_SOCK is unset, as it is when nothing is forwarded. Two
# variables say what is known of the server: openssh is empty if it is another
# than OpenSSH's sshd, and earlier is the socket that was found on this
# connection before, if any.
find_agent() {
  agent=$earlier
  ours "$agent" && return
  agent=${SSH_AUTH_SOCK-}
  pid_of "$agent"
  case $pid in - | "$PPID") ours "$agent" && return ;; esac
  # Where an sshd puts it by default, or in Linux's list of sockets.
  agent=$({
    printf '%s\n' /tmp/ssh-*/agent.$PPID "$HOME"/.ssh/agent/s.*.sshd.$PPID.*
    sed -n "/sshd[.]$PPID/s,^[^/]*,,p" /proc/net/unix
  } | while IFS= read -r s; do
    pid_of "$s"
    # The list has any name that another user may have given, and the way there
    # may have a link of hers.
    [ "$pid" = $PPID ] && ours "$s" && listens "$s" && s=$(cd "${s%/*}" && pwd -P)/${s##*/} && ours "$s" && printf '%s\n' "$s" && break
  done)
  [ -z "$agent" ] && [ -n "${SSH_AUTH_SOCK+set}" ] || return
  agent=$SSH_AUTH_SOCK
  of_sshd "$agent" && ours "$agent" && return
  # Below two minutes: some find(1) round up.
  s=$(find -H "$HOME/.ssh/agent" -name 's.*.sshd.*' ! -name 's.*.sshd.*.*' -mmin -2 -exec ls -t {} + | head -n 1)
  ours "$s" && listens "$s" && agent=$s && return
  # A server that is not OpenSSH names it as it likes.
  [ -z "$openssh" ] && ours "$agent" || agent=
}
