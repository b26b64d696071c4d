# The block for ~/.ssh/rc. sshd runs that file with /bin/sh before every session; other programs read what the session
# prints, so this prints nothing, and leaves the X11 cookie on its input to the lines that follow. What stands below the
# empty line is written.
# shellcheck shell=sh disable=SC3013

# Written by mosha: points ~/.ssh/ssh_auth_sock to the SSH agent that this connection forwards.
(
  agent=${SSH_AUTH_SOCK-} link=$HOME/.ssh/ssh_auth_sock new=$HOME/.ssh/ssh_auth_sock.$$
  # Only a socket of sshd, up to 10.0 and from 10.1 on: a start-up file may have named an agent of another kind, or the
  # link itself. And only a live one, to which the link does not already lead.
  case $agent in /tmp/ssh-*/* | /*/.ssh/agent/*.sshd.*) ;; *) exit ;; esac
  if [ ! -S "$agent" ] || [ "$agent" -ef "$link" ]; then exit; fi
  # A person who logs in takes the link; a command in the background only one that is of no use to anybody.
  if [ -z "${SSH_TTY-}" ] && [ -S "$link" ]; then exit; fi
  if [ -e "$link" ] && [ ! -h "$link" ]; then exit; fi
  rm -f "$new" && ln -s "$agent" "$new" || exit
  # A link of no use goes first: mv would move the new one into a directory that it leads to, or fail at a loop.
  [ -S "$link" ] || rm -f "$link"
  mv -f "$new" "$link" || rm -f "$new"
) >/dev/null 2>&1 || :
