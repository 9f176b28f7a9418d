#!/bin/bash
# units_test.sh FDRPC_HOST PROGRAM: whether systemd understands the units that
# FDRPC_HOST writes for a service that is PROGRAM.
set -euo pipefail
host=$1
program=$(realpath "$2")
command -v systemd-analyze > /dev/null || {
  echo "systemd-analyze is missing: on Debian it is in the package systemd" >&2
  exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
mkdir "$work/config" "$work/units"

# Every field, and every value of those that have few.
cat > "$work/config/fdrpc-all.textproto" <<TEXT
command: ["$program", "100% \"quoted\" \$HOME"]
environment: ["A=100% \"sure\"", "B="]
working_directory: "/tmp"
sockets { address: "unix:/tmp/fdrpc-all" }
sockets { address: "unix-seqpacket:@fdrpc-all" name: "packets" }
sockets { address: "unix-dgram:/tmp/fdrpc-all-2" name: "datagrams" mode: 0666 owner: "daemon" group: "tty" }
start: START_AT_ONCE
readiness: READINESS_STARTED
start_timeout: "inf"
stop_timeout: "1500ms"
restart { delay: "1us" max_delay: "1h30m" max_failures: 20 stable_after: "1h" }
user: "daemon"
group: "tty"
$(for limit in as core cpu data fsize locks memlock msgqueue nice nofile nproc rtprio rttime \
  sigpending stack; do echo "limits { resource: \"$limit\" soft: 10 hard: 20 }"; done)
no_new_privileges: true
umask: 0027
namespaces: [NAMESPACE_NETWORK, NAMESPACE_IPC, NAMESPACE_UTS, NAMESPACE_MOUNT, NAMESPACE_PID]
max_stored_descriptors: 7
log { destination: DESTINATION_NONE }
TEXT
cat > "$work/config/fdrpc-least.textproto" <<TEXT
command: "$program"
sockets { address: "unix:/tmp/fdrpc-least" }
TEXT
cat > "$work/config/fdrpc-by-hand.textproto" <<TEXT
command: "$program"
start: START_BY_HAND
limits { resource: "cpu" }
watchdog_timeout: "1500ms"
restart { stable_after: "inf" }
log { destination: DESTINATION_FILE }
TEXT
"$host" units "$work/config" --output "$work/units"
count=$(find "$work/units" -type f | wc -l)
((count == 7)) || {
  echo "there are $count units, not 7" >&2
  exit 1
}

# What it only warns of leaves its exit status 0. Of other units it may say what
# it likes.
verify() {
  systemd-analyze verify --man=no --recursive-errors=no "$work"/units/* 2>&1 | grep fdrpc- || true
}
said=$(verify)
if [[ $said ]]; then
  echo "$said" >&2
  exit 1
fi
# That it would have said so.
sed -i 's/^Type=.*/Type=none/' "$work"/units/*.service
[[ $(verify) ]] || {
  echo "systemd-analyze finds nothing wrong with Type=none" >&2
  exit 1
}
