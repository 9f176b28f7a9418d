#ifndef FDRPC_CALL_OPTIONS_H_
#define FDRPC_CALL_OPTIONS_H_

#include <iosfwd>
#include <stop_token>

#include "absl/time/time.h"
#include "fdrpc/metadata.h"
#include "fdrpc/server_context.h"
#include "fdrpc/timeout.h"

namespace fdrpc {

// What a server sends beside a reply.
struct ReplyMetadata {
  Metadata headers;   // initial metadata: known before the first reply
  Metadata trailers;  // trailing metadata: arrives with the status
};

// How one call is made. Every member has a default, so a caller names what it
// needs: stub.Open(request, {.timeout = absl::Seconds(1)}).
struct CallOptions {
  // How long the call may take, counted on the monotonic clock from when it
  // starts; then it ends with DEADLINE_EXCEEDED on both sides. The server's
  // handler sees what remains of it. Zero or less fails the call at once.
  Timeout timeout = absl::InfiniteDuration();

  // Whether to wait until the server can be reached, within `timeout`, instead
  // of failing with UNAVAILABLE at once (grpc/grpc doc/wait-for-ready.md).
  bool wait_for_ready = false;

  // The call in whose handler this one is made: it ends this one when it is
  // cancelled, and this one's deadline is not later. Borrowed until this one
  // has ended.
  const ServerContext* parent = nullptr;

  // Sent to the server with the call.
  Metadata metadata = {};

  // Ends the call with CANCELLED when stop is requested, from any thread.
  std::stop_token cancellation = {};

  // Where to put what the server sent beside the reply, whatever the status;
  // borrowed until the call ends. Null: it is dropped.
  ReplyMetadata* reply_metadata = nullptr;
};

void PrintTo(const ReplyMetadata& metadata, std::ostream* to);
// What is not as by default.
void PrintTo(const CallOptions& options, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_CALL_OPTIONS_H_
