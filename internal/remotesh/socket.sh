# Whose a socket is. ~/.ssh/rc has these functions as they stand here, below the
# empty line.
# shellcheck shell=sh disable=SC2012,SC2154,SC3013,SC3067

# ours FILE: whether FILE is a socket of this user's, in a directory in which nobody else can put another in its place: the
# user's or root's, and not for others to write to. Neither may be a link: that is its owner's to change. So that it cannot
# be changed between two looks, the directory's kind and its owner come from the same one, which is the last.
ours() {
  [ -S "$1" ] && [ ! -h "$1" ] && [ -O "$1" ] && [ ! -h "${1%/*}" ] || return
  me=${me:-$(id -u)}
  ls -ldn "${1%/*}" | {
    read -r mode _ uid _
    case "$mode $uid" in d????-??-*" $me" | d????-??-*' 0') ;; *) false ;; esac
  }
}

# pid_of SOCKET: sets pid to what the last part of the name, which alone is always an sshd's, says of the process: of that of
# agent.PID, up to OpenSSH 10.0, or of s.HASH.sshd.PID.RAND or agent.sshd.PID, from 10.6 on, to that; of s.HASH.sshd.RAND,
# between them, to -, and of any other to nothing. AgentSocketPath may put the socket into any directory.
pid_of() {
  case ${1##*/} in
  s.*.sshd.*.*) pid=${1%.*} && pid=${pid##*.} ;;
  s.*.sshd.*) pid=- ;;
  agent.*) pid=${1##*.} ;;
  *) pid= ;;
  esac
}

# of_sshd SOCKET: whether SOCKET is an sshd's, by its name. A person's own ssh-agent has agent.PID, too.
of_sshd() {
  pid_of "$1"
  case $pid in
  -) return ;;
  '' | *[!0-9]*) return 1 ;;
  esac
  read -r n <"/proc/$pid/stat" || n=$(ps -o comm= -p "$pid")
  case $n in
  *sshd*) ;;
  ?*) return 1 ;;
  # The system hides what others are.
  *) kill -0 "$pid" ;;
  esac
}
