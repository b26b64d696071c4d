# loops: whether the agent of this connection is reached through the link, whose
# path is in home. ~/.ssh/rc has it as it stands here, below the empty line.
# shellcheck shell=sh disable=SC2012,SC2154,SC3013,SC3067

loops() {
  # shellcheck disable=SC2046,SC2086
  set -- ${SSH_CONNECTION-}
  case "$# ${1-} ${3-}" in "4 ${3-} ${1-}" | '4 127.'*' 127.'*) ;; *) return 1 ;; esac
  [ -r /proc/net/tcp ] || return 0
  # shellcheck disable=SC2046
  set -- $(grep -h ":$(printf %04X "$2") [0-9A-F]*:$(printf %04X "$4") 01 " /proc/net/tcp /proc/net/tcp6)
  # A line is 17 words. Another user may have connections between the same ports of other addresses, and many.
  [ $# -lt 170 ] || return 0
  while [ $# -gt 9 ]; do
    for pid in $(ls -l /proc/[0-9]*/fd/* | sed -n "s|.* /proc/\([0-9]*\)/fd/[0-9]* -> socket:\[${10}]\$|\1|p"); do
      sock=$(tr '\000' '\n' <"/proc/$pid/environ" | sed -n 's/^SSH_AUTH_SOCK=//p')
      if [ -z "$sock" ] || [ "$sock" = "$home" ] || [ "$sock" -ef "$home" ]; then return; fi
    done
    [ "$8" != "$(id -u)" ] && grep -h -A 9 '^Name:.ssh$' /proc/[0-9]*/status | grep -q "^Uid:.$8[^0-9]" && return
    shift 17
  done
  return 1
}
