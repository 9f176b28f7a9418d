#!/bin/bash
# demo.sh BUILD_DIR: demonstrates all services at once, hosted by fdrpc-host, with the
# programs that were built in BUILD_DIR. Every step is checked: if one does not do what
# its heading says, the script stops with a message and exit status 1.
set -euo pipefail
export LC_ALL=C
build=$(cd "${1:?"usage: demo.sh BUILD_DIR"}" && pwd)
services=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
programs=("$build"/services/{filebroker/fdrpc-{filebroker,open},blobstore/fdrpc-{blobstore,blob}} \
  "$build"/services/{launcher/fdrpc-{launcher,run},host/fdrpc-{host,hostctl},tool/fdrpc})
for program in "${programs[@]}"; do
  if [[ ! -x $program ]]; then
    echo "demo.sh: $program is not built; ./dev demo --all builds it first" >&2
    exit 1
  fi
done

# shellcheck source=services/demo_functions.sh
source "$services/demo_functions.sh"

# ---- files ---------------------------------------------------------------------------

host_pid='' load_pid=''
work=$(mktemp -d)
clean_up() {
  local pid
  for pid in $load_pid $host_pid; do
    kill "$pid" 2> /dev/null || true
    wait "$pid" || true
  done
  rm -rf "$work"
}
trap clean_up EXIT
cd "$work"
umask 022
mkdir bin config letters logs
ln -s "${programs[@]}" bin/
PATH=$work/bin:$PATH
export HOST=unix:host.sock
echo 'The treasure lies under the third oak.' > letters/secret.txt

cat > config/broker.textproto <<TEXT
command: ["$work/bin/fdrpc-filebroker", "--root", "letters", "--listen", "systemd:broker"]
working_directory: "$work"
sockets { address: "unix:$work/broker.sock" mode: 0666 }
TEXT
cat > config/store.textproto <<TEXT
command: ["$work/bin/fdrpc-blobstore", "--listen", "systemd:"]
sockets { address: "unix:$work/store.sock" }
sockets { address: "unix-seqpacket:$work/store-packets.sock" name: "packets" }
TEXT
cat > config/launcher.textproto <<TEXT
command: ["$work/bin/fdrpc-launcher", "--listen", "systemd:launcher"]
sockets { address: "unix:$work/launcher.sock" }
no_new_privileges: true
limits { resource: "core" soft: 0 hard: 0 }
TEXT
cat > config/ticker.textproto <<'TEXT'
command: ["/bin/sh", "-c", "i=0; while true; do i=$((i + 1)); echo \"tick $i\"; sleep 0.1; done"]
start: START_BY_HAND
readiness: READINESS_STARTED
log { destination: DESTINATION_FILE }
TEXT

# ---- functions -----------------------------------------------------------------------

control() { fdrpc-hostctl --host "$HOST" "$@"; }
# Of a service: the value of a line of its status.
status_of() { # NAME KEY
  control status "$1" | sed -n "s/^$2: *//p"
}

# The arguments of fdrpc for calls of the broker: its method, and a request that has the
# path in base64.
open_method=fdrpc.filebroker.v1.FileBroker/Open
open_request="{\"path\": \"$(printf secret.txt | base64)\", \"access\": \"ACCESS_READ\"}"
proto=(--proto "$services/../proto/fdrpc/filebroker/v1/filebroker.proto"
  --import "$services/../proto")

# The clients of the broker call it as fast as they can, from start_load to stop_load.
start_load() {
  local deadline=$((SECONDS + 60))
  printf '   %sclients$ fdrpc bench --concurrency 2 unix:broker.sock %s … &%s\n' "$bold" \
    "$open_method" "$plain"
  # A shell has its background commands ignore it.
  env --default-signal=INT fdrpc bench "${proto[@]}" --concurrency 2 --connections 2 \
    --duration 10m unix:broker.sock "$open_method" "$open_request" > load.output 2>&1 &
  load_pid=$!
  # Two connections, both with the server's side.
  until (($(grep -c " 03 [0-9]* $work/broker.sock$" /proc/net/unix) >= 2)); do
    kill -0 "$load_pid" 2> /dev/null || failed "the clients end: $(cat load.output)"
    ((SECONDS < deadline)) || failed 'the clients do not connect'
  done
}
stop_load() {
  local status=0
  kill -INT "$load_pid"
  wait "$load_pid" || status=$?
  load_pid=''
  grep -E '^(calls|failed) +[0-9]' load.output | indent
  ((status == 0)) || failed "the clients have failed: $(tail -n 1 load.output)"
  grep -qE '^calls +[1-9]' load.output || failed 'there was no call'
}

printf '%sfdrpc: one process hosts services, and none of their clients notices%s\n' "$bold" "$plain"

# ---- the steps -----------------------------------------------------------------------

step 'Each service is a file'
show owner 'cat config/launcher.textproto' 0 fdrpc-launcher
show owner 'fdrpc-host check config' 0 'store: ok'

step 'A mistake has a file, a line and a reason'
show owner "mkdir wrong; sed 's/no_new/new/; s/core/cores/' config/launcher.textproto > wrong/a.textproto
             fdrpc-host check wrong" 1 'wrong/a.textproto:3: '

step 'The host opens their sockets, and starts none of them yet'
start host fdrpc-host run --config config --control "$HOST" --log-directory logs
show owner "fdrpc-hostctl --host $HOST list" 0 'listening'
for service in broker store launcher; do
  [[ $(status_of $service state) == listening ]] || failed "$service does not listen"
done

step 'The first client of each starts it, and notices nothing'
show client 'fdrpc-open --server unix:broker.sock secret.txt' 0 'under the third oak'
show client "head -c 100000 /dev/zero | fdrpc-blob --server unix:store.sock put - | tee name" 0 ''
show client 'fdrpc-blob --server unix-seqpacket:store-packets.sock get $(cat name) | wc -c' 0 100000
show client "fdrpc-run --server unix:launcher.sock -- sh -c 'echo in \$PPID: core files of \$(ulimit -c)'" \
  0 'core files of 0'
show client "fdrpc call ${proto[*]} unix:broker.sock $open_method '$open_request'" 0 '"size"'
show owner "fdrpc-hostctl --host $HOST list" 0 'running'
for service in broker store launcher; do
  [[ $(status_of $service state) == running ]] || failed "$service does not run"
done

step 'What a service prints is in its log'
show owner "fdrpc-hostctl --host $HOST start ticker" 0 'running'
show owner "fdrpc-hostctl --host $HOST logs ticker --follow | sed '/tick 3/q'" 0 'tick 3'
show owner "fdrpc-hostctl --host $HOST stop ticker && head -n 3 logs/ticker.log" 0 'tick 2'

step 'A service is replaced under load, and no call fails'
start_load
before=$(status_of broker pid)
for _ in 1 2 3; do show owner "fdrpc-hostctl --host $HOST restart broker" 0 running; done
stop_load
[[ $(status_of broker pid) != "$before" ]] || failed 'it is the same process'

step 'A new configuration is taken over in the same way'
start_load
show owner "echo 'umask: 0077' >> config/broker.textproto
             fdrpc-hostctl --host $HOST reload" 0 'broker'
stop_load
show owner "echo 'umask: 77' >> config/store.textproto
             fdrpc-hostctl --host $HOST reload" 13 'store.textproto:4: umask'
show client 'fdrpc-blob --server unix:store.sock list | wc -l' 0 1
explain '' 'A wrong one changes nothing: the store still has its blob.'

step 'A service that is killed is there for the next client'
kill_broker='kill -9 $(fdrpc-hostctl --host $HOST status broker | sed -n "s/^pid: *//p")'
show owner "$kill_broker" 0 ''
show client 'fdrpc-open --server unix:broker.sock secret.txt' 0 'under the third oak'
show owner "fdrpc-hostctl --host $HOST status broker" 0 'SIGKILL'

step 'So is the host, and its services do not notice'
start_load
store=$(status_of store pid)
host_process=$(tr ' ' '\n' < "/proc/$host_pid/task/$host_pid/children" | while read -r pid; do
  if [[ $pid && $(tr '\0' ' ' < "/proc/$pid/cmdline") == *fdrpc-host\ serve* ]]; then echo "$pid"; fi
done)
[[ $host_process ]] || failed 'there is no host process'
show owner "kill -9 $host_process" 0 ''
show owner "fdrpc-hostctl --host $HOST --wait list" 0 running
[[ $(status_of store pid) == "$store" ]] || failed 'the store is another process'
stop_load
show client 'fdrpc-blob --server unix:store.sock list | wc -l' 0 1

step 'SIGTERM ends them all, and their sockets are gone'
stop host
show owner 'ls *.sock' 2 'No such file'
show client 'fdrpc-open --server unix:broker.sock secret.txt' 24 'UNAVAILABLE: nobody listens'

printf '\n%sAll %d steps went as their headings say.%s\n' "$green" $steps "$plain"
