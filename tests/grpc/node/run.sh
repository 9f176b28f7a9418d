#!/bin/bash
# run.sh BUILD_DIR: gRPC's interoperability cases between a client and a server of
# grpc-js, with two gateways of a built tree between them. It takes grpc-js from npm's
# registry, and so is no part of ./dev test. Exit status 77: it cannot run here.
set -euo pipefail
gateway=$(realpath "${1:?usage: run.sh BUILD_DIR}/services/gateway/fdrpc-gateway")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for program in node npm protoc; do
  command -v $program > /dev/null || { echo "skipped: there is no $program" >&2; exit 77; }
done
if ! npm install --prefix "$work" --no-audit --no-fund --ignore-scripts @grpc/grpc-js@1 \
  @grpc/proto-loader@0 > "$work/log" 2>&1; then
  echo "skipped: npm cannot install grpc-js: $(tail -n 3 "$work/log")" >&2
  exit 77
fi
cp "$here/interop.cjs" "$work"
node "$work/interop.cjs" "$here/../interop.proto" "$gateway"
