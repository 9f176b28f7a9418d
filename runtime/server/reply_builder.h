#ifndef FDRPC_SERVER_REPLY_BUILDER_H_
#define FDRPC_SERVER_REPLY_BUILDER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "call/message_assembler.h"
#include "connection/frame_builder.h"
#include "fdrpc/call.h"
#include "fdrpc/metadata.h"
#include "fdrpc/method.h"

namespace fdrpc {

// Builds the frames for what a handler sends: headers, messages, the status. If
// the handler may not send it, the result is an error for the client.
class ReplyBuilder {
 public:
  // Borrows `method`. `limits`: the client's, for a message. `remote`: no
  // descriptor reaches the peer.
  ReplyBuilder(uint32_t call_id, const Method& method,
               const MessageLimits& limits, bool remote)
      : call_id_(call_id), method_(method), limits_(limits), remote_(remote) {}

  absl::Status Headers(const Metadata& headers, OutgoingFrames& frames) const;
  // A message of a stream.
  absl::Status Message(const OutgoingMessage& message,
                       StreamMessage& prepared) const;
  // The status, with the reply of a call that has one. Clears headers and
  // trailers that break the rules, and changes a status that cannot be that.
  OutgoingFrames End(absl::Status& status, const OutgoingMessage* reply,
                     Metadata& headers, Metadata& trailers) const;
  // A status for an error that is not the handler's.
  OutgoingFrames Failure(const absl::Status& error) const {
    return BuildStatus(call_id_, error, {}, {}, nullptr, {});
  }

 private:
  const uint32_t call_id_;
  const Method& method_;
  const MessageLimits limits_;
  const bool remote_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_REPLY_BUILDER_H_
