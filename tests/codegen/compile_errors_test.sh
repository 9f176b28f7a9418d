#!/bin/bash
# compile_errors_test.sh CXX FLAG...: what a compiler says of typical mistakes.
# FLAG: where the headers are, those of tests/protos included.
set -uo pipefail
cxx=$1
flags=("${@:2}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

compile() { # STANDARD: the program that stands on standard input
  cat > "$work/program.cc"
  "$cxx" "-std=$1" -Wall -Wextra -Wnon-virtual-dtor -fsyntax-only "${flags[@]}" "$work/program.cc" \
    > "$work/errors" 2>&1
}
# refused NAME WORDS [STANDARD]: the program does not compile, and the compiler says WORDS.
refused() {
  if compile "${3:-c++20}"; then
    echo "FAILED: $1: it compiles"
    failed=1
  elif ! tr -s '[:space:]' ' ' < "$work/errors" | grep -qF "$2"; then
    echo "FAILED: $1: the compiler does not say \"$2\":"
    head -30 "$work/errors"
    failed=1
  fi
}
# taken NAME: the program compiles, without a warning.
taken() {
  if ! compile c++20 || [[ -s $work/errors ]]; then
    echo "FAILED: $1:"
    head -30 "$work/errors"
    failed=1
  fi
}

taken "what is right" << 'PROGRAM'
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "testing.fdrpc.h"
using namespace fdrpc;
class Right : public testing::TestService::Service {
  absl::Status Echo(ServerContext&, const testing::Text&, testing::Text&) override { return {}; }
};
class Inherits final : public Right {
 public:
  absl::Status Get(ServerContext&, const testing::Text&, Parcel<testing::Files>&) noexcept override { return {}; }
};
class Async final : public testing::TestService::AsyncService {
 public:
  void Echo(testing::TestService::EchoCall call) override { call.Finish(testing::Text()); }
  void Chat(testing::TestService::ChatCall) override {}
};
void Serve(Server& server, Right& right, Inherits& inherits, Async& async, Service& any) {
  server.AddService(right);
  server.AddService(inherits);
  server.AddService(async);
  server.AddService(any);
}
void Call(Channel channel) {
  testing::TestService::Stub stub(channel);
  (void)stub.Echo(testing::Text(), {.timeout = std::chrono::seconds(5)});
  (void)stub.Echo(testing::Text(), {.timeout = std::chrono::duration<double>(0.5)});
  (void)channel.WaitForReady(std::chrono::milliseconds(100));
}
const ServerOptions kOptions = {.drain_timeout = std::chrono::minutes(1)};
PROGRAM

refused "a handler of another signature" "it hides the handler" << 'PROGRAM'
#include "fdrpc/server.h"
#include "testing.fdrpc.h"
class Wrong final : public fdrpc::testing::TestService::Service {
 public:
  absl::Status Echo(fdrpc::ServerContext&, const fdrpc::testing::Text&, fdrpc::testing::Text*) { return {}; }
};
void Serve(fdrpc::Server& server, Wrong& wrong) { server.AddService(wrong); }
PROGRAM

refused "a const handler" "it hides the handler" << 'PROGRAM'
#include "fdrpc/server.h"
#include "testing.fdrpc.h"
class Wrong final : public fdrpc::testing::TestService::Service {
 public:
  absl::Status Echo(fdrpc::ServerContext&, const fdrpc::testing::Text&, fdrpc::testing::Text&) const { return {}; }
};
void Serve(fdrpc::Server& server, Wrong& wrong) { server.AddService(wrong); }
PROGRAM

refused "a part of a mixed service as its base" "overrides no handler" << 'PROGRAM'
#include "fdrpc/mixed_service.h"
#include "testing.fdrpc.h"
void Mix(fdrpc::testing::TestService::Service& one, fdrpc::testing::TestService::CoService& other) {
  fdrpc::MixedService mixed(one, other);
}
PROGRAM

refused "a stub of a StatusOr" "a stub takes a Channel" << 'PROGRAM'
#include "fdrpc/channel.h"
#include "testing.fdrpc.h"
void Call() {
  absl::StatusOr<fdrpc::Channel> channel = fdrpc::Channel::Connect("unix:x");
  fdrpc::testing::TestService::Stub stub(channel);
}
PROGRAM

refused "a parcel that is not moved" "move a parcel: std::move(parcel)" << 'PROGRAM'
#include "fdrpc/channel.h"
#include "testing.fdrpc.h"
void Call(fdrpc::testing::TestService::Stub stub) {
  fdrpc::Parcel<fdrpc::testing::Files> parcel;
  (void)stub.Put(parcel);
}
PROGRAM

for header in channel server task parcel unique_fd in_process_channel metadata; do
  refused "C++17 with $header.h" "fdrpc needs C++20: compile with -std=c++20" c++17 << PROGRAM
#include "fdrpc/$header.h"
PROGRAM
  if [[ $(grep -c 'error: ' "$work/errors") -gt 3 ]]; then
    echo "FAILED: C++17 with $header.h: further errors"
    cat "$work/errors"
    failed=1
  fi
done

exit $failed
