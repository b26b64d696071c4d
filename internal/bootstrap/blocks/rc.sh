# The block for ~/.ssh/rc. sshd runs that file with /bin/sh before every
# session; other programs read what the session prints, so this prints nothing,
# and leaves the X11 cookie on its input to the lines that follow. What stands
# below the empty line is written.
# shellcheck shell=sh disable=SC2034,SC3013,SC3067

# Written by mosha: points ~/.ssh/ssh_auth_sock to the SSH agent that this connection forwards.
(
  agent=${SSH_AUTH_SOCK-} home=$HOME/.ssh/ssh_auth_sock me=
  link=$home
  # socket.sh
  # Only a live socket of an sshd's: a start-up file may have named an agent of another kind, or the link itself. And only
  # one to which the link does not already lead.
  of_sshd "$agent" && ours "$agent" && [ ! "$agent" -ef "$home" ] || exit
  # Not one that is reached through the link: what asked it would go round in a circle. That is so where a program of ours
  # on this machine, at the other end of the connection, has the link for its own agent: an ssh -A of a session's. What an
  # ssh of another user has does not show: they may have come from a session of ours.
  # loops.sh
  if loops; then exit; fi
  # In a home that several hosts share, the link leads to one of each host's own.
  case ${XDG_RUNTIME_DIR-} in
  /run/user/*)
    case $(stat -f -c %T "$HOME") in
    nfs* | cifs | smb* | afs | ceph | lustre | gpfs | panfs | fhgfs | v9fs | fuse*) link=$XDG_RUNTIME_DIR/ssh_auth_sock ;;
    esac
    ;;
  esac
  # A person who logs in takes the link; a command in the background only one that is of no use to anybody, and marks it
  # for a keeper to take back.
  if [ -z "${SSH_TTY-}" ]; then
    if [ -S "$home" ] && [ -O "$home" ] && [ -S "$link" ]; then exit; fi
    agent=/.$agent
  fi
  point() {
    new=$1.$$
    if [ -e "$1" ] && [ ! -h "$1" ]; then exit; fi
    rm -f "$new" && ln -s "$2" "$new" || exit
    # A link of no use goes first: mv would move the new one into a directory that it leads to, or fail at a loop.
    [ -S "$1" ] || rm -f "$1"
    mv -f "$new" "$1" || rm -f "$new"
  }
  point "$link" "$agent"
  # Not by -ef alone: while another login replaces the one link, it is gone for a moment, and would be linked to itself.
  [ "$home" = "$link" ] || [ "$home" -ef "$agent" ] || point "$home" "$link"
) >/dev/null 2>&1 || :
# It is the link where a start-up file says so. Lines that link it to the agent must not link it to itself.
[ "${SSH_AUTH_SOCK-}" != "${HOME-}/.ssh/ssh_auth_sock" ] || unset SSH_AUTH_SOCK
