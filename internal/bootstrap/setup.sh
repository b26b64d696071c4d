# Remote set-up: lists the files that matter, then splices blocks into them as it is told to.
#
# It is sent to /bin/sh on its standard input, and its orders follow on the same stream. Some shells read a script in
# blocks, so all of it is one compound command, parsed before it runs, and no order is sent before its first line of
# output. remote.go has the other side and describes the lines.
#
# shellcheck shell=sh
{
exec 2>/dev/null
LC_ALL=C
PATH=${PATH:+$PATH:}/usr/bin:/bin
export LC_ALL PATH
set -f

# resolve NAME: follows the links of NAME to what a write would change; sets real, kind and size.
resolve() {
  real=./$1 hops=0 size=0
  while [ -h "$real" ]; do
    hops=$((hops + 1))
    [ "$hops" -le 20 ] || { kind=loop; return; }
    to=$(readlink "$real")
    case $to in
    /*) real=$to ;;
    *) real=${real%/*}/$to ;;
    esac
  done
  if [ -f "$real" ]; then
    kind=data
    [ -r "$real" ] && size=$(wc -c <"$real") && size=$((size)) || kind=unreadable
    [ "$size" -le 1048576 ] || kind=huge
  elif [ -e "$real" ]; then
    kind=other
  elif [ "$hops" -gt 0 ]; then
    kind=dangling
  else
    kind=missing
  fi
}

list() {
  echo "shell $SHELL"
  for name in .ssh/rc .bashrc .bash_profile .bash_login .profile; do
    resolve "$name"
    echo "file $name $kind $size"
    [ "$kind" = data ] || continue
    [ "$size" -eq 0 ] || dd if="$real" bs="$size" count=1
    echo
  done
  echo end
}

# same FILE CRC SIZE: whether FILE has this checksum and size; where cksum is missing, this size.
same() {
  # shellcheck disable=SC2046
  set -- "$2 $3" $(cksum <"$1" || { echo "$2"; wc -c <"$1"; })
  [ "$1" = "$2 $3" ]
}

# attributes FILE: its mode, with the signs for an ACL or a security context, its number of names, and its owners.
attributes() {
  # shellcheck disable=SC2012
  ls -ldn "$1" | { read -r mode names uid gid _; echo "$mode $names $uid $gid"; }
}

# fail NAME STEP: drops the new file and says why in one line. Not by echo, which may take a backslash in a file's name
# for an order.
fail() {
  [ -z "$new" ] || rm -f "$new"
  new=
  # shellcheck disable=SC2086
  printf '%s ' fail "$1" "$2" $why
  echo
}

# unequal NAME CRC SIZE: says why the new file is not what was asked for: the old one is no longer what it was, or the
# new one was cut.
unequal() {
  if same "$real" "$2" "$3"; then
    fail "$1" verify
  else
    rm -f "$new"
    new=
    echo "changed $1"
  fi
}

# receive LENGTH: reads a block from our input, whatever becomes of it. One byte at a time, since dd may not read ahead.
receive() {
  block=$(dd bs=1 count="$1"; echo .)
  block=${block%.}
}

# compose FROM LENGTH REST: the first LENGTH bytes of FROM, the block, and FROM from its byte REST on, the first being 1.
compose() {
  {
    [ "$2" -eq 0 ] || dd if="$1" bs="$2" count=1
    printf %s "$block"
    [ -z "$1" ] || tail -c +"$3" "$1"
  } 2>/dev/null | cat
}

# put NAME START REST LENGTH CRC SIZE NEWCRC NEWSIZE: replaces the bytes of a file from START up to before REST by a
# block. Whatever fails, the old file stays: the new one is complete before it takes the name.
put() {
  receive "$4"
  resolve "$1"
  [ "$kind" = data ] || { echo "changed $1"; return; }
  why=$( (: >>"$real") 2>&1) || { fail "$1" open; return; }
  new=$real.mosha.$id
  why=$({ rm -f "$new" && cp -p "$real" "$new" && compose "$real" "$2" "$3" >"$new"; } 2>&1) || { fail "$1" write; return; }
  why=
  same "$new" "$7" "$8" || { unequal "$1" "$5" "$6"; return; }
  [ "$(attributes "$new")" = "$(attributes "$real")" ] || { fail "$1" attributes; return; }
  rename "$1"
}

# create NAME LENGTH CRC SIZE: a file that was missing, its content the block.
create() {
  receive "$2"
  resolve "$1"
  [ "$kind" = missing ] || { echo "changed $1"; return; }
  mask=go-w
  case $1 in
  .ssh/*)
    mask=077
    why=$( (umask 077; mkdir -p .ssh) 2>&1) || { fail "$1" mkdir; return; }
    ;;
  esac
  new=$real.mosha.$id
  why=$({ rm -f "$new" && umask "$mask" && compose '' 0 1 >"$new"; } 2>&1) || { fail "$1" write; return; }
  why=
  same "$new" "$3" "$4" || { fail "$1" verify; return; }
  rename "$1"
}

# rename NAME: gives the new file its name.
rename() {
  why=$(mv -f "$new" "$real" 2>&1) || { fail "$1" rename; return; }
  new=
  echo "ok $1"
}

new='' why=''
trap '[ -z "$new" ] || rm -f "$new"' 0
trap 'exit 1' HUP INT TERM
trap '' PIPE
id=$(uname -n).$$

# The empty line ends whatever start-up files have printed.
echo
echo 'mosha-setup 1'
for tool in cat cp dd ls mv readlink rm tail wc; do
  command -v "$tool" >/dev/null || { echo "lacks $tool"; exit 1; }
done
cd "${HOME:?}" || { echo nohome; exit 1; }
list
while read -r order name a b c d e f g; do
  case $order in
  list) list ;;
  put) put "$name" "$a" "$b" "$c" "$d" "$e" "$f" "$g" ;;
  create) create "$name" "$a" "$b" "$c" ;;
  *) break ;;
  esac
done
exit 0
}
