# Remote set-up, tried only: what files.sh lacks for that.
# shellcheck shell=sh disable=SC2034,SC2154

# kept: whether a copy of the file would have its attributes: it has no other
# name, and its owner and group are ours to give. What a copy would not keep of
# an ACL shows only when it is made.
kept() {
  # shellcheck disable=SC2046
  set -- "$(id -u)" $(attributes "$real")
  [ "$3" -eq 1 ] || return
  [ "$1" -ne 0 ] || return 0
  [ "$1" -eq "$4" ] || return
  case " $(id -G) " in *" $5 "*) ;; *) return 1 ;; esac
}

# check NAME ORDER: whether this order about the file could be carried out, as
# far as that shows without writing.
check() {
  resolve "$1"
  case $kind in
  data)
    writable "$1" || return
    [ "$2" != put ] || kept || { fail "$1" attributes; return; }
    ;;
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
