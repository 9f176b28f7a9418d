#!/bin/bash
# reflection.sh BUILD_DIR: a tool that knows services by reflection alone ("buf curl"),
# through gateways of a built tree: to a server of fdrpc, and to the same one through
# two more gateways, of which one knows it by gRPC's reflection. It takes the tool from
# npm's registry, and so is no part of ./dev test. Exit status 77: it cannot run here.
set -euo pipefail
build=$(realpath "${1:?usage: reflection.sh BUILD_DIR}")
work=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT
fail() {
  echo "$1" >&2
  exit 1
}

command -v npm > /dev/null || { echo "skipped: there is no npm" >&2; exit 77; }
if ! npm install --prefix "$work" --no-audit --no-fund --ignore-scripts @bufbuild/buf@1 \
  > "$work/log" 2>&1 || ! "$work/node_modules/.bin/buf" --version > /dev/null; then
  echo "skipped: npm cannot install buf: $(tail -n 3 "$work/log")" >&2
  exit 77
fi

# start FILE PROGRAM ARGUMENT...: runs it, and waits for the line that it prints.
start() {
  local file=$1
  shift
  mkfifo "$file"
  "$@" > "$file" &
  pids+=($!)
  read -r started < "$file"
}
gateway() {
  start "$work/out.${#pids[@]}" "$build/services/gateway/fdrpc-gateway" --insecure "$@"
  address=${started#listening on }
}
start "$work/out.server" "$build/tests/services/replaceable_server" "unix:$work/server"
gateway --listen 127.0.0.1:0 --to "unix:$work/server"
near=$address
gateway --listen "unix:$work/local" --to "$near"
gateway --listen 127.0.0.1:0 --to "unix:$work/local"

service=fdrpc.testing.TestService
for to in "$near" "$address"; do
  for version in grpc-v1 grpc-v1alpha; do
    curl() {
      "$work/node_modules/.bin/buf" curl --protocol grpc --http2-prior-knowledge \
        --reflect-protocol "$version" "$@" 2>&1
    }
    services=$(curl --list-services "http://$to")
    grep -qx $service <<< "$services" || fail "services: $services"
    methods=$(curl --list-methods "http://$to")
    grep -qx $service/Chat <<< "$methods" || fail "methods: $methods"
    reply=$(curl -d '{"text": "hello", "number": 7}' "http://$to/$service/Echo")
    grep -q '"hello"' <<< "$reply" || fail "a reply: $reply"
    replies=$(curl -d '{"text": "hello", "number": 3}' "http://$to/$service/Watch")
    [[ $(grep -c '"hello"' <<< "$replies") == 3 ]] || fail "a stream: $replies"
    status=$(curl -d '{"number": 1}' "http://$to/$service/Get" || true)
    grep -q failed_precondition <<< "$status" || fail "a status: $status"
    echo "ok $version at $to"
  done
done
