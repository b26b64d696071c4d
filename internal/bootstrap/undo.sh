# Remote set-up, taken back: what files.sh lacks for that.
# shellcheck shell=sh disable=SC2034,SC2154,SC3013

# choose: sets names to the files that have ever mattered to a login shell. For
# zsh's it need not be that any more, nor be there, and ~/.zshenv may be younger
# than a ZDOTDIR that counted.
choose() {
  names='.ssh/rc .bashrc .bash_profile .bash_login .profile .zshenv .config/fish/conf.d/mosha.fish .tcshrc .cshrc'
  names="$names .shrc .ashrc .kshrc .mkshrc"
  case ${SHELL##*/} in *zsh) zsh=$SHELL ;; *) zsh=$(command -v zsh) ;; esac
  # shellcheck disable=SC2016,SC2153
  zdotdir=$("$zsh" -fc 'printf %s "$ZDOTDIR"' </dev/null || printf %s "$ZDOTDIR")
  if [ -d "$zdotdir" ] && [ ! "$zdotdir" -ef . ]; then names="$names ZDOTDIR/.zshenv"; fi
  if [ -d "${XDG_CONFIG_HOME:-.}/fish" ] && [ ! "$XDG_CONFIG_HOME" -ef .config ]; then
    names="$names XDG_CONFIG_HOME/fish/conf.d/mosha.fish"
  fi
}

# delete NAME CRC SIZE DIRECTORIES: removes a file that still has this content,
# and up to so many directories above it if nothing else is in them. What a link
# leads to is not to be removed.
delete() {
  resolve "$1"
  [ "$kind$hops" = data0 ] || { changed "$1"; return; }
  writable "$1" || return
  same "$real" "$2" "$3" || { changed "$1"; return; }
  why=$(rm -f "$real" 2>&1) || { fail "$1" remove; return; }
  prune "$4"
  echo "ok $1"
}

# judge: sets led to what the link leads to: dead, where nobody listens or
# another user may, forwarded, an agent of an sshd's or one that a holder has
# marked, or private: a person may keep a link of that name to an agent of this
# machine. Its text, or that of this host's own link if it leads there, is in
# text.
judge() {
  led=dead text=$(readlink .ssh/ssh_auth_sock)
  case $text in /run/user/*/ssh_auth_sock) [ ! -h "$text" ] || text=$(readlink "$text") ;; esac
  case $text in /tmp/*) ours "$text" || return ;; esac
  listens .ssh/ssh_auth_sock "$text" || return
  led=forwarded
  case $text in /./*) return ;; esac
  of_sshd "$text" && return
  led=private
}

newline='
'
say_link() {
  [ -h .ssh/ssh_auth_sock ] || return
  judge
  printf 'link %s %.1000s\n' "$led" "${text%%"$newline"*}"
}

# unlink NAME: removes a link, this host's own if it leads to that, and what is
# left of attempts to set it.
unlink() {
  judge
  [ "$led" != private ] || { echo "changed $1"; return; }
  to=$(readlink "$1")
  case $to in /run/user/*/ssh_auth_sock) [ ! -h "$to" ] || rm -f "$to" ;; esac
  [ ! -h "$1" ] || why=$(rm -f "$1" 2>&1) || { fail "$1" remove; return; }
  set +f
  for rest in "$1".[0-9]*; do
    [ ! -h "$rest" ] || rm -f "$rest"
  done
  set -f
  echo "ok $1"
}
