# The block for a ~/.profile where a login bash found no file to read. What
# stands below the empty line is written.
# shellcheck shell=sh disable=SC1091

# Written by mosha: a login bash had no file to read, and so did not read ~/.bashrc.
if [ -n "${BASH_VERSION-}" ] && [ -f "${HOME-}/.bashrc" ]; then
  . "$HOME/.bashrc"
fi
