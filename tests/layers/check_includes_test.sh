#!/bin/bash
# check_includes_test.sh: whether check_includes.sh finds what it is there to find.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# put FILE LINE...: a tree of the rooms that there are, and one file of these
# lines, in runtime/ or else with a path that begins with "/".
put() {
  rm -rf "${tree:?}"/*
  mkdir -p "$tree/runtime" "$tree/services" "$tree/docs"
  cp "$root/runtime/rooms.txt" "$tree/runtime/"
  cp "$root/docs/layers.md" "$tree/docs/"
  file=runtime/$1
  [[ $1 != /* ]] || file=${1#/}
  mkdir -p "$tree/$(dirname "$file")"
  printf '%s\n' "${@:2}" > "$tree/$file"
}

allowed() {
  put "$@"
  if ! output=$("$here/check_includes.sh" "$tree"); then
    echo "refused, but should be allowed: $output"
    failures=$((failures + 1))
  fi
}

# refused REASON FILE LINE...: one violation, reported with its place.
refused() {
  local reason=$1
  shift
  put "$@"
  if output=$("$here/check_includes.sh" "$tree"); then
    echo "allowed, but should be refused: $*"
    failures=$((failures + 1))
  elif [[ $output != "$file:1: "*"$reason"* || $(wc -l <<< "$output") != 1 ]]; then
    echo "refused with the wrong words: $*: $output"
    failures=$((failures + 1))
  fi
}

allowed /services/a/a.cc '#include "fdrpc/server.h"' '#include <sys/socket.h>'
allowed /services/capture/a.cc '#include "transport/x.h"' '#include "wire/x.h"' '#include "os/x.h"' '#include "services/a.h"'
allowed call/a.h '#include "fdrpc/internal/kept_messages.h"'
allowed base/check.cc '#include "base/check.h"' '#include <cstdio>'
allowed os/poller.cc '#include "os/poller.h"' '#include <sys/epoll.h>' '#include "fdrpc/unique_fd.h"'
allowed os/ancillary.cc 'msghdr message;' 'CMSG_FIRSTHDR(&message);'
allowed os/syscalls.h 'ssize_t (*recvmsg)(int, msghdr*, int) = ::recvmsg;'
allowed wire/frame.cc '#include "base/check.h"' '#include "absl/status/status.h"'
allowed call/parcel.cc '#include "fdrpc/parcel.h"' '#include "google/protobuf/message_lite.h"' '#include "os/x.h"'
allowed connection/a.cc '#include "transport/x.h"' '#include "call/x.h"' '#  include "fdrpc/caller.h"'
allowed loop/a.cc '#include "call/x.h"' '#include "os/x.h"' '#include "fdrpc/loop.h"' '#include <thread>'
allowed client/a.cc '#include "connection/x.h"' '#include "fdrpc/channel.h"' '#include "loop/x.h"'
allowed server/a.cc '#include "connection/x.h"' '#include "fdrpc/server.h"'
allowed server/a.cc '#include "loop/x.h"'
allowed include/fdrpc/server.h '#include "fdrpc/service.h"' '#include "fdrpc/loop.h"' '#include <sys/types.h>'
allowed inprocess/a.cc '#include "client/x.h"' '#include "server/x.h"' '#include "fdrpc/server.h"'
allowed peer/a.cc '#include "client/x.h"' '#include "server/x.h"' '#include "fdrpc/channel.h"'

refused 'os/ is not below base/' base/a.h '#include "os/poller.h"'
refused 'wire/ is not below os/' os/a.h '#include "wire/frame.h"'
refused 'os/ is not below wire/' wire/a.h '#include "os/poller.h"'
refused 'call/ is not below transport/' transport/a.cc '#include "call/a.h"'
refused 'transport/ is not below call/' call/a.cc '  #  include "transport/a.h"'
refused 'server/ is not below client/' client/a.cc '#include "server/a.h"'
refused 'client/ is not below server/' server/a.cc '#include "client/a.h"'
refused 'server/ is not below client/' client/a.cc '#include "fdrpc/server.h"'
refused 'inprocess/ is not below server/' server/a.cc '#include "inprocess/a.h"'
refused 'inprocess/ is not below client/' client/a.cc '#include "fdrpc/in_process_channel.h"'
refused 'inprocess/ is not below peer/' peer/a.cc '#include "inprocess/a.h"'
refused 'peer/ is not below server/' server/a.cc '#include "fdrpc/channel_to_client.h"'
refused 'call/ is not below os/' os/a.cc '#include "fdrpc/parcel.h"'
refused 'connection/ is not below call/' call/a.cc '#include <connection/a.h>'
refused 'transport/ is not below loop/' loop/a.h '#include "transport/a.h"'
refused 'connection/ is not below loop/' loop/a.cc '#include "connection/a.h"'
refused 'client/ is not below loop/' loop/a.cc '#include "fdrpc/channel.h"'
refused 'loop/ is not below call/' call/a.cc '#include "loop/a.h"'
refused 'loop/ is not below connection/' connection/a.cc '#include "loop/a.h"'
refused 'only os/ makes' loop/a.cc '#include <sys/epoll.h>'
refused 'include no private ones' include/fdrpc/channel.h '#include "client/core.h"'
refused 'server/ is not below client/' include/fdrpc/channel.h '#include "fdrpc/server.h"'
refused 'belongs to no room' include/fdrpc/unheard_of.h '#include <vector>'
refused 'not a public header' client/a.cc '#include "fdrpc/unheard_of.h"'
refused 'belongs to no room' include/fdrpc/internal/channel.h '#include <vector>'
refused 'call/ is not below os/' os/a.cc '#include "fdrpc/internal/call_message.h"'
refused 'only generated code and the runtime' /services/a/a.cc '#include "fdrpc/internal/stub.h"'
refused 'services use public headers' /services/a/a.cc '#include "wire/x.h"'
refused 'services use public headers' /services/capture/a.cc '#include "connection/x.h"'
refused 'services use public headers' /services/tool/a.cc '  # include <os/x.h>'
refused 'there is no room util' util/a.h '#include <vector>'
refused 'nothing else of this tree' server/a.cc '#include "services/filebroker/broker.h"'
refused 'nothing else of this tree' server/a.cc '#include "tests/support/census.h"'
refused 'nothing else of this tree' server/a.cc '#include "codegen/naming.h"'
refused 'nothing else of this tree' server/a.cc '#include "runtime/os/poller.h"'
refused 'neither a room nor' server/a.cc '#include "core.h"'
refused 'only os/ makes' transport/a.cc '#include <sys/socket.h>'
refused 'only os/ makes' server/a.cc '#include <poll.h>'
refused 'only os/ makes' include/fdrpc/channel.h '#include <sys/socket.h>'
refused 'no threads' call/a.cc '#include <mutex>'
refused 'no threads' call/a.cc '#include "base/mutex.h"'
refused 'no threads' wire/a.cc '#include "absl/synchronization/mutex.h"'
refused 'which sanitizer' base/a.h '#if defined(__SANITIZE_ADDRESS__)'
refused 'which sanitizer' call/a.cc '#if __has_feature(address_sanitizer)'
refused 'ancillary data' os/poller.cc 'cmsghdr* header;'
refused 'ancillary data' transport/a.cc 'msghdr message = {};'
refused 'ancillary data' os/syscalls.h 'CMSG_SPACE(4);'

# A room that the table of the page does not have, or has otherwise.
put base/a.h '#include <vector>'
echo "room attic: server base" >> "$tree/runtime/rooms.txt"
if output=$("$here/check_includes.sh" "$tree") || [[ $output != *"| \`attic/\` | \`fdrpc::attic\` | server, base |"* ]]; then
  echo "allowed, but should be refused: a room that docs/layers.md does not have: $output"
  failures=$((failures + 1))
fi

if ((failures > 0)); then exit 1; fi
echo "check_includes.sh finds what it should"
