# Remote set-up, tried only: what files.sh lacks for that.
# shellcheck shell=sh disable=SC2034,SC2154

# check NAME: whether an order about this file could be carried out, as far as that shows without writing.
check() {
  resolve "$1"
  case $kind in
  data) writable "$1" || return ;;
  missing)
    up=${real%/*}
    while [ ! -e "$up" ] && [ ! -h "$up" ]; do up=${up%/*}; done
    [ -d "$up" ] || { why='Not a directory'; fail "$1" mkdir; return; }
    real=$up/.
    ;;
  *) echo "changed $1"; return ;;
  esac
  [ -w "${real%/*}" ] || { why='Permission denied'; fail "$1" write; return; }
  echo "ok $1"
}
