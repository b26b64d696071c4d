# Remote set-up: the part that runs.
# shellcheck shell=sh disable=SC2034,SC2154

new='' why='' made=0
trap drop 0
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
choose
list
while read -r order name a b c d e f g; do
  case $order in
  list) list ;;
  put | create | check | delete | unlink) "$order" "$name" "$a" "$b" "$c" "$d" "$e" "$f" "$g" ;;
  *) break ;;
  esac
done
exit 0
