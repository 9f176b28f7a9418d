# Functions of the demonstrations, whose every step is checked. Sourced by them:
# they run with "set -euo pipefail", in the directory where their files are, and may
# set `as_client`, the words before a command of another user.

as_client=()

bold='' dim='' red='' green='' plain=''
if [[ -t 1 && -z ${NO_COLOR-} && ${TERM-dumb} != dumb ]]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
fi

steps=0
step() {
  steps=$((steps + 1))
  printf '\n%s%d. %s%s\n\n' "$bold" $steps "$1" "$plain"
}
explain() {
  local line
  for line in "$@"; do printf '%s\n' "${line:+   $line}"; done
}
indent() { sed "s/^/     $dim|$plain /"; }

failed() {
  printf '\n%sThis is not what was promised: %s%s\n' "$red" "$1" "$plain"
  exit 1
}

# show WHO COMMAND STATUS TEXT: prints a command, runs it in a shell as WHO
# (owner or client), prints what it prints, and checks its exit status and that
# it prints TEXT.
show() {
  local who=$1 command=$2 expected_status=$3 expected_text=$4
  local output status=0 shell=(bash -c "$command")
  if [[ $who == client ]]; then shell=("${as_client[@]}" "${shell[@]}"); fi
  printf '   %s%s$ %s%s\n' "$bold" "$who" "$command" "$plain"
  output=$("${shell[@]}" 2>&1 < /dev/null) || status=$?
  if [[ -n $output ]]; then indent <<< "$output"; fi
  if ((expected_status != 0)); then
    printf '     %sexit status %d%s\n' "$dim" $status "$plain"
  fi
  ((status == expected_status)) ||
    failed "the exit status is $status, not $expected_status"
  [[ $output == *"$expected_text"* ]] || failed "it does not print: $expected_text"
}

# start NAME COMMAND...: starts a server as the owner, and waits until it listens at
# each of its --listen addresses, or else at one. Sets NAME_pid and NAME_output.
start() {
  local name=$1 line output='' argument addresses=0
  shift
  printf '   %sowner$ %s &%s\n' "$bold" "$*" "$plain"
  mkfifo "$name.output"
  "$@" > "$name.output" &
  printf -v "${name}_pid" %d $!
  exec {from_server}< "$name.output"
  for argument in "$@"; do
    [[ $argument != --listen ]] || addresses=$((addresses + 1))
  done
  while true; do
    read -r -t 60 -u $from_server line || failed "$1 does not say that it listens"
    output+=$line$'\n'
    [[ $line == 'listening on '* ]] || continue
    addresses=$((addresses - 1))
    ((addresses > 0)) || break
  done
  indent <<< "${output%$'\n'}"
  printf -v "${name}_output" %s "$output"
}

# stop NAME: ends a server by SIGTERM, and checks that it ends well.
stop() {
  local name=$1 pid_variable=${1}_pid status=0
  local pid=${!pid_variable}
  printf '   %sowner$ kill %d%s\n' "$bold" "$pid" "$plain"
  kill "$pid"
  wait "$pid" || status=$?
  printf -v "$pid_variable" %s ''
  ((status == 0)) || failed "the $name's exit status is $status"
}
