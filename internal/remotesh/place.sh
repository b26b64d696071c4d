# find_place: sets home to where the link is: ~/.ssh/ssh_auth_sock or, where the
# user cannot make that, ssh_auth_sock in the directory that systemd makes for
# the user's sessions. It sets runtime to the latter where there is such a
# directory, and place to home, runtime or, where the link can be in neither,
# none.
#
# shellcheck shell=sh disable=SC2034,SC3067

# can DIR: whether a file can be made in DIR, and so a link. A full disk or a
# quota shows only when it is tried.
can() { true >"$1/.mosha.$$" && rm -f "$1/.mosha.$$"; }

find_place() {
  home=$HOME/.ssh/ssh_auth_sock place=home runtime=
  case ${XDG_RUNTIME_DIR-} in /run/user/*) [ ! -O "$XDG_RUNTIME_DIR" ] || runtime=$XDG_RUNTIME_DIR/ssh_auth_sock ;; esac
  up=$HOME/.ssh
  [ -e "$up" ] || [ -h "$up" ] || up=$HOME
  if can "$up"; then return; fi
  place=none
  case $runtime in ?*) home=$runtime place=runtime ;; esac
}
