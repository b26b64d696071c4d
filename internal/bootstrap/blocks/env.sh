# The block for the files that bash, zsh and the shells of the sh family read.
# It is read by every shell of its owner, so it starts no process, prints
# nothing, and holds under set -e and set -u. Within tmux and screen an agent of
# another kind would have been inherited. Elsewhere a link that leads nowhere
# counts as none: below this the person may start an agent where no other is.
# Nor does one count that leads to another user's socket, who may make anew what
# an sshd has removed from /tmp. What stands below the empty line is written.
# shellcheck shell=sh disable=SC3013,SC3067

# Written by mosha: uses the forwarded SSH agent, and leaves a live agent of another kind alone.
if [ ! -S "${SSH_AUTH_SOCK-}" ] && {
  [ -n "${TMUX-}${STY-}" ] || { [ -n "${SSH_CONNECTION-}" ] && [ -S "${HOME-}/.ssh/ssh_auth_sock" ] && [ -O "${HOME-}/.ssh/ssh_auth_sock" ]; }
}; then
  SSH_AUTH_SOCK=${HOME-}/.ssh/ssh_auth_sock
  export SSH_AUTH_SOCK
else
  case $- in
  # At a prompt, for a shell that may outlive its connection. Elsewhere a live value stays: ~/.ssh/rc goes by it.
  *i*)
    if [ -S "${HOME-}/.ssh/ssh_auth_sock" ] && [ -O "${HOME-}/.ssh/ssh_auth_sock" ]; then
      if [ ! -S "${SSH_AUTH_SOCK-}" ] || [ "$SSH_AUTH_SOCK" -ef "$HOME/.ssh/ssh_auth_sock" ]; then
        SSH_AUTH_SOCK=$HOME/.ssh/ssh_auth_sock
        export SSH_AUTH_SOCK
      fi
    fi
    ;;
  esac
fi
