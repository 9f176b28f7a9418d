#ifndef FDRPC_CLIENT_PENDING_CALL_H_
#define FDRPC_CLIENT_PENDING_CALL_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "base/monotonic_time.h"
#include "call/message_assembler.h"
#include "connection/frame_builder.h"
#include "fdrpc/descriptor_set.h"
#include "fdrpc/metadata.h"
#include "fdrpc/method.h"
#include "os/parker.h"

namespace fdrpc {

// One unary call on one connection. Lives with the thread that makes the call;
// the connection refers to it from ClientConnection::Run() until that returns,
// and guards it with its lock for that time.
struct PendingCall {
  static constexpr size_t kNotParked = static_cast<size_t>(-1);

  PendingCall(const Method& of, MonotonicTime until, MessageLimits reply_limits)
      : method(of), deadline(until), reply(reply_limits) {}

  const Method& method;
  const MonotonicTime deadline;

  // The request, for the connection to take.
  OutgoingFrames frames;
  size_t request_bytes = 0;
  size_t request_descriptors = 0;

  // The reply.
  MessageAssembler reply;
  bool has_headers = false;  // they came in a frame of their own
  Metadata headers;
  Metadata trailers;

  // How it ended.
  bool done = false;
  absl::Status status;
  // The server has seen nothing of the call, so it can be made again; then
  // `frames` holds what descriptors it had.
  bool unseen_by_server = false;

  // The connection's.
  uint32_t id = 0;  // 0: waits to be sent
  size_t parked_index = kNotParked;
  Parker parker;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_PENDING_CALL_H_
