#!/bin/bash
# minimal_root_test.sh BUILD_DIR: fdrpc-host as process 1, in a root directory that
# contains the programs that were built in BUILD_DIR, their libraries, a shell and
# nothing else, and in mount and PID namespaces of its own. It hosts all services, which
# are used from the command line there. Takes root; where that is missing, or no such
# namespaces can be made, the exit status is 77.
set -euo pipefail
export LC_ALL=C
programs=(fdrpc-{host,hostctl,filebroker,open,blobstore,blob,launcher,run})

# ---- in the namespaces ---------------------------------------------------------------

# bind FILE TARGET: in the new root.
bind() {
  mkdir -p "$root${2%/*}"
  [[ -e $root$2 ]] || : > "$root$2"
  mount --bind "$1" "$root$2"
}

make_root() {
  local program library files=()
  mount --make-rprivate /
  mount -t tmpfs -o mode=0755 none "$root"
  mkdir -p "$root"/{bin,dev,etc/fdrpc-host,proc,run,srv,tmp,var/log}
  mount -t proc none "$root/proc"
  bind /dev/null /dev/null
  for program in "${programs[@]}"; do
    files+=("$(echo "$build"/services/*/"$program")")
    bind "${files[-1]}" "/bin/$program"
  done
  files+=(/bin/sh /bin/cat)
  bind /bin/sh /bin/sh
  bind /bin/cat /bin/cat
  # What the thread sanitizer reads, where the programs have one.
  if [[ ${TSAN_OPTIONS-} =~ suppressions=([^:]+) ]]; then
    bind "${BASH_REMATCH[1]}" "${BASH_REMATCH[1]}"
  fi
  # "NAME => FILE (ADDRESS)", and "FILE (ADDRESS)" for the loader.
  while read -r library; do
    [[ -e $root$library ]] || bind "$library" "$library"
  done < <(ldd "${files[@]}" | grep -oE '/[^ :]+ \(' | sed 's/ ($//' | sort -u)
}

# There is no user database: users are numbers.
write_configuration() {
  local config=$root/etc/fdrpc-host
  echo 'The treasure lies under the third oak.' > "$root/srv/letter"
  cat > "$config/broker.textproto" <<'TEXT'
command: ["/bin/fdrpc-filebroker", "--root", "/srv", "--listen", "systemd:broker"]
sockets { address: "unix:/run/broker.sock" mode: 0666 }
user: "1000" group: "1000"
TEXT
  cat > "$config/store.textproto" <<'TEXT'
command: ["/bin/fdrpc-blobstore", "--listen", "systemd:"]
sockets { address: "unix-seqpacket:/run/store.sock" }
TEXT
  cat > "$config/launcher.textproto" <<'TEXT'
command: ["/bin/fdrpc-launcher", "--listen", "systemd:launcher"]
sockets { address: "unix-dgram:/run/launcher.sock" }
start: START_AT_ONCE
TEXT
}

if [[ ${1-} == inside ]]; then
  build=$2
  root=$3
  make_root
  write_configuration
  cd "$root"
  mount --move . /
  # Process 1 stays itself.
  exec chroot . /bin/fdrpc-host run --config /etc/fdrpc-host --log-directory /var/log
fi

# ---- outside -------------------------------------------------------------------------

build=$(cd "${1:?"usage: minimal_root_test.sh BUILD_DIR"}" && pwd)
skip() {
  echo "skipped: $*"
  exit 77
}
((EUID == 0)) || skip 'it takes root'
unshare --mount --pid --fork mount --make-rprivate / 2> /dev/null ||
  skip 'no mount and PID namespaces can be made here'

work=$(mktemp -d)
container=''
clean_up() {
  local status=$?
  if [[ $container ]]; then
    kill -KILL "$container" 2> /dev/null || true
    wait "$container" || true
  fi
  ((status == 0)) || cat "$work/errors" || true
  rm -rf "$work"
}
trap clean_up EXIT
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
mkdir "$work/root"
mkfifo "$work/output"

unshare --mount --pid --fork --kill-child "$0" inside "$build" "$work/root" \
  > "$work/output" 2> "$work/errors" &
container=$!
exec {from_host}< "$work/output"
read -r -t 60 -u $from_host line || fail 'the host does not come to serve'
[[ $line == 'listening on unix:/run/fdrpc-host.sock' ]] || fail "it prints: $line"
process_1=$(tr -d " " < "/proc/$container/task/$container/children")
new_root=/proc/$process_1/root

# Runs a command in the container.
inside() { nsenter --target "$process_1" --mount --pid --root --wd -- "$@"; }
# expect TEXT COMMAND...: the command prints it, and exits with 0.
expect() {
  local text=$1 printed status=0
  shift
  printed=$(inside "$@" 2>&1) || status=$?
  ((status == 0)) || fail "$*: exit status $status: $printed"
  [[ $printed == *"$text"* ]] || fail "$* does not print \"$text\": $printed"
}
# until_true COMMAND...: again and again.
until_true() {
  local deadline=$((SECONDS + 60))
  until "$@"; do ((SECONDS < deadline)) || fail "it is still not true: $*"; done
}

[[ $(inside cat /proc/1/comm) == fdrpc-host ]] || fail 'process 1 is another one'
expect 'store: ok' fdrpc-host check /etc/fdrpc-host --log-directory /var/log

# ---- each service, from the command line ---------------------------------------------

is_in_list() { inside fdrpc-hostctl list | grep -q "^$1  *$2"; }
is_in_list broker listening || fail 'the broker does not wait for clients'
until_true is_in_list launcher running
expect 'third oak' fdrpc-open --server unix:/run/broker.sock letter
name=$(inside fdrpc-blob --server unix-seqpacket:/run/store.sock put - <<< 'a blob')
expect 'a blob' fdrpc-blob --server unix-seqpacket:/run/store.sock get "$name"
expect 'it runs' fdrpc-run --server unix-dgram:/run/launcher.sock -- sh -c 'echo it runs'
status=0
inside fdrpc-run --server unix-dgram:/run/launcher.sock -- sh -c 'exit 7' || status=$?
((status == 7)) || fail "the exit status of a launched process is $status"
for service in broker launcher store; do
  is_in_list $service running || fail "$service does not run"
  [[ -s $new_root/var/log/$service.log ]] || fail "$service has no log"
done

# ---- what only process 1 does --------------------------------------------------------

# An orphan of nothing that the host has started, as "docker exec" leaves one.
mkfifo "$new_root/run/fifo"
orphan=$(inside sh -c 'cat /run/fifo > /run/read & echo $!')
parent_of() { sed -n 's/^PPid:\t//p' "$new_root/proc/$1/status"; }
is_orphaned() { [[ $(parent_of "$orphan") == 1 ]]; }
until_true is_orphaned
: > "$new_root/run/fifo"
# A zombie would stay.
is_reaped() { [[ ! -e $new_root/proc/$orphan ]]; }
until_true is_reaped
rm "$new_root"/run/{fifo,read}

# The host process may die, and nobody notices.
pid_of() { inside fdrpc-hostctl --wait status "$1" | sed -n 's/^pid: *//p'; }
broker=$(pid_of broker)
host=''
for process in "$new_root"/proc/[0-9]*; do
  arguments=$(tr '\0' ' ' < "$process/cmdline")
  if [[ $arguments == fdrpc-host\ serve* ]]; then host=${process##*/}; fi
done
[[ $host ]] || fail 'there is no host process'
inside sh -c "kill -KILL $host"
until_true [ ! -e "$new_root/proc/$host" ]
expect 'third oak' fdrpc-open --server unix:/run/broker.sock letter
[[ $(pid_of broker) == "$broker" ]] || fail 'the broker is another process'

# ---- the end -------------------------------------------------------------------------

# They outlast the namespaces.
exec {run}< "$new_root/run" {logs}< "$new_root/var/log"
kill -TERM "$process_1"
status=0
wait "$container" || status=$?
container=''
((status == 0)) || fail "its exit status is $status"
left=$(ls "/proc/$$/fd/$run/")
[[ ! $left ]] || fail "it has left $left"
for service in broker launcher store; do
  grep -q ' exited with status 0$' "/proc/$$/fd/$logs/$service.log" ||
    fail "$service did not end in order: $(cat "/proc/$$/fd/$logs/$service.log")"
done
# That of the host process, which was killed.
grep -v 'the host process [0-9]* was killed by SIGKILL$' "$work/errors" &&
  fail 'it has complained'
echo "process 1 has hosted all services in $SECONDS s"
