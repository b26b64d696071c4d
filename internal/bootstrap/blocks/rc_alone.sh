# Follows rc.sh in a ~/.ssh/rc that mosha created: with that file there, sshd
# neither runs /etc/ssh/sshrc nor hands the X11 cookie to xauth (SSHRC in
# sshd(8)). What stands below the empty line is written.
# shellcheck shell=sh disable=SC1091

# sshd leaves the following to this file, now that it exists.
if [ -f /etc/ssh/sshrc ]; then
  /bin/sh /etc/ssh/sshrc
elif [ -n "${DISPLAY-}" ] && read -r proto cookie; then
  case $DISPLAY in
  localhost:*) echo "add unix:${DISPLAY#localhost:} $proto $cookie" ;;
  *) echo "add $DISPLAY $proto $cookie" ;;
  esac | xauth -q - >/dev/null 2>&1
fi
