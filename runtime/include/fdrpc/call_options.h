#ifndef FDRPC_CALL_OPTIONS_H_
#define FDRPC_CALL_OPTIONS_H_

#include <iosfwd>
#include <stop_token>

#include "absl/time/time.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/metadata.h"
#include "fdrpc/server_context.h"
#include "fdrpc/timeout.h"

namespace fdrpc {

// The metadata that a server sends with a reply.
struct ReplyMetadata {
  Metadata headers;   // initial metadata: known before the first reply
  Metadata trailers;  // trailing metadata: arrives with the status
};

// Options of one call. Every member has a default, so a caller names those that
// it needs: stub.Open(request, {.timeout = absl::Seconds(1)}).
struct CallOptions {
  // How long the call may take from its start, on the monotonic clock. Then it
  // ends with DEADLINE_EXCEEDED on both sides. The server's handler sees the
  // remaining time. Zero or less fails the call at once.
  Timeout timeout = absl::InfiniteDuration();

  // Whether to wait, within `timeout`, until the server can be reached, instead
  // of failing with UNAVAILABLE at once (grpc/grpc doc/wait-for-ready.md).
  bool wait_for_ready = false;

  // The call whose handler makes this one: if it is cancelled, this one is too,
  // and this one's deadline is not later. Borrowed until this call has ended.
  const ServerContext* parent = nullptr;

  // Sent to the server with the call.
  Metadata metadata = {};

  // Ends the call with CANCELLED when stop is requested, from any thread.
  std::stop_token cancellation = {};

  // Receives the server's metadata, whatever the status, at the time when the
  // caller is given that; borrowed until the call ends. Null: the metadata is
  // dropped.
  ReplyMetadata* reply_metadata = nullptr;
};

FDRPC_API void PrintTo(const ReplyMetadata& metadata, std::ostream* to);
// Prints what differs from the defaults.
FDRPC_API void PrintTo(const CallOptions& options, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_CALL_OPTIONS_H_
