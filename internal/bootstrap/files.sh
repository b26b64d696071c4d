# Remote set-up: lists the files that matter, then splices blocks into them as
# it is told to.
#
# This file has what every task needs, undo.sh and check.sh what two of them
# need besides, and orders.sh carries the orders out. remote.go puts them
# together, without their comments, has the other side, and describes the lines.
#
# They are sent to /bin/sh on its standard input, and the orders follow on the
# same stream. Some shells read a script in blocks, so all of it is one compound
# command, parsed before it runs, and no order is sent before its first line of
# output.
#
# shellcheck shell=sh disable=SC2034,SC2154,SC3013,SC2317

exec 2>/dev/null
LC_ALL=C
PATH=${PATH:+$PATH:}/usr/bin:/bin
export LC_ALL PATH
set -f

# choose: sets names to the files that matter to the login shell. undo.sh has
# its own.
choose() {
  names='.ssh/rc .bashrc'
  case ${SHELL##*/} in
  *bash) names="$names .bash_profile .bash_login .profile" ;;
  *zsh)
    find_zdotdir
    names="$names ${zdotdir:+ZDOTDIR/}.zshenv"
    ;;
  fish)
    fish=.config
    [ ! -d "${XDG_CONFIG_HOME:-.}/fish" ] || [ "$XDG_CONFIG_HOME" -ef .config ] || fish=XDG_CONFIG_HOME
    names="$names $fish/fish/conf.d/mosha.fish"
    ;;
  *csh) names="$names .tcshrc .cshrc" ;;
  *) names="$names .profile .shrc .ashrc .kshrc .mkshrc" ;;
  esac
}

# find_zdotdir: sets zdotdir to where zsh looks for its files, if that is not
# the home. It is too late to set it in ~/.zshenv, so only the system's own
# zshenv counts, all that zsh reads with -f, or what sshd has set.
find_zdotdir() {
  # shellcheck disable=SC2016
  zdotdir=$([ ! -e .zshenv ] || unset ZDOTDIR; "$SHELL" -fc 'printf %s "$ZDOTDIR"' </dev/null)
  if [ ! -d "$zdotdir" ] || [ "$zdotdir" -ef . ]; then zdotdir=; fi
}

# resolve NAME: follows the links of NAME to what a write would change; sets
# real, kind and size, which of a missing file is how many directories are
# missing for it.
resolve() {
  case $1 in
  ZDOTDIR/*) real=$zdotdir/${1#*/} ;;
  XDG_CONFIG_HOME/*) real=$XDG_CONFIG_HOME/${1#*/} ;;
  *) real=./$1 ;;
  esac
  hops=0 size=0
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
    [ -r "$real" ] && size=$(wc -c <"$real") || kind=unreadable
    size=$((size))
    [ "$size" -le 1048576 ] || kind=huge
    [ -e "$real" ] || kind=missing size=0 # since
  elif [ -e "$real" ]; then
    kind=other
  elif [ "$hops" -gt 0 ]; then
    kind=dangling
  else
    kind=missing
    up=${real%/*}
    while [ ! -d "$up" ] && [ "$size" -lt 8 ]; do size=$((size + 1)) up=${up%/*}; done
  fi
}

# show: writes as many bytes as were announced, whatever became of the file
# since: what is decided by them will not fit.
show() {
  { why=$(dd if="$real" bs="$size" count=1 conv=sync 2>&1 >&3); } 3>&1
  case $why in
  *1+0\ records\ in* | *0+1\ records\ in*) ;;
  *) dd if=/dev/zero bs="$size" count=1 ;;
  esac
}

list() {
  echo "shell $SHELL"
  for name in $names; do
    resolve "$name"
    echo "file $name $kind $size $hops"
    [ "$kind" = data ] || continue
    [ "$size" -eq 0 ] || show
    echo
  done
  say_link
  echo end
}

# say_link: only undoing is about the link.
say_link() { :; }

# same FILE CRC SIZE: whether FILE has this checksum and size; where cksum is
# missing, this size.
same() {
  # shellcheck disable=SC2046
  set -- "$2 $3" $(cksum <"$1" || { echo "$2"; wc -c <"$1"; })
  [ "$1" = "$2 $3" ]
}

# attributes FILE: its mode, with the signs for an ACL or a security context,
# its number of names, and its owners.
attributes() {
  # shellcheck disable=SC2012
  ls -ldn "$1" | { read -r mode links uid gid _; echo "$mode $links $uid $gid"; }
}

# drop: removes the new file, and the directories that were made for it.
drop() {
  [ -z "$new" ] || rm -f "$new"
  prune "$made"
  new='' made=0
}

# prune COUNT: removes up to so many directories above the file if nothing is in
# them.
prune() {
  up=${real%/*} left=$1
  while [ "$left" -gt 0 ]; do
    rmdir "$up"
    left=$((left - 1)) up=${up%/*}
  done
}

# fail NAME STEP: drops the new file and says why in one line. Not by echo,
# which may take a backslash in a file's name for an order.
fail() {
  drop
  # shellcheck disable=SC2086
  printf '%s ' fail "$1" "$2" $why
  echo
}

# changed NAME: drops the new file, since what it was to replace is no longer
# what it was.
changed() { drop; echo "changed $1"; }

# receive LENGTH: reads a block from our input, whatever becomes of it. One byte
# at a time, since dd may not read ahead.
receive() {
  block=$([ "$1" -eq 0 ] || dd bs=1 count="$1"; echo .)
  block=${block%.}
}

# compose FROM LENGTH REST: the first LENGTH bytes of FROM, the block, and FROM
# from its byte REST on, the first being 1.
compose() {
  {
    [ "$2" -eq 0 ] || dd if="$1" bs="$2" count=1
    printf %s "$block"
    [ -z "$1" ] || tail -c +"$3" "$1"
  } 2>/dev/null | cat
}

# writable NAME: whether the file can be written, to the end.
writable() { why=$( (: >>"$real") 2>&1) || { fail "$1" open; return 1; }; }

# copy: makes the new file like the old one. With -a GNU's cp keeps extended
# attributes and the security context too, as far as it can; not every cp has
# it.
copy() { rm -f "$new" && { cp -a "$real" "$new" 2>/dev/null || cp -p "$real" "$new"; }; }

# put NAME START REST LENGTH CRC SIZE NEWCRC NEWSIZE: replaces the bytes of a
# file from START up to before REST by a block. Whatever fails, the old file
# stays: the new one is complete before it takes the name. The old one is looked
# at last, right before that: what somebody has written to it meanwhile would be
# lost.
put() {
  receive "$4"
  resolve "$1"
  [ "$kind" = data ] || { changed "$1"; return; }
  writable "$1" || return
  new=$real.mosha.$id
  why=$({ copy && compose "$real" "$2" "$3" >"$new"; } 2>&1) || { fail "$1" write; return; }
  why='' step=verify
  if same "$new" "$7" "$8"; then
    step=attributes
    [ "$(attributes "$new")" != "$(attributes "$real")" ] || step=
  fi
  if [ -h "$real" ] || ! same "$real" "$5" "$6"; then
    changed "$1"
  elif [ "$step" ]; then
    fail "$1" "$step"
  else
    rename "$1"
  fi
}

# create NAME LENGTH CRC SIZE: a file that was missing, its content the block.
# It takes the name as a link, which fails if somebody else has made the file
# meanwhile; not every file system has those.
create() {
  receive "$2"
  resolve "$1"
  [ "$kind" = missing ] || { changed "$1"; return; }
  mask=go-w
  case $1 in
  */*)
    mask=077 made=$size
    why=$( (umask 077; mkdir -p "${real%/*}") 2>&1) || { fail "$1" mkdir; return; }
    ;;
  esac
  new=$real.mosha.$id
  why=$({ rm -f "$new" && umask "$mask" && compose '' 0 1 >"$new"; } 2>&1) || { fail "$1" write; return; }
  why=
  same "$new" "$3" "$4" || { fail "$1" verify; return; }
  if ln "$new" "$real"; then
    made=0
    drop
    echo "ok $1"
  elif [ -e "$real" ] || [ -h "$real" ]; then
    changed "$1"
  else
    rename "$1"
  fi
}

# rename NAME: gives the new file its name.
rename() {
  why=$(mv -f "$new" "$real" 2>&1) || { fail "$1" rename; return; }
  new='' made=0
  echo "ok $1"
}
