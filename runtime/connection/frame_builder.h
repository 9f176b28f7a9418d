#ifndef FDRPC_CONNECTION_FRAME_BUILDER_H_
#define FDRPC_CONNECTION_FRAME_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "call/credit.h"
#include "call/message_assembler.h"
#include "fdrpc/call.h"
#include "fdrpc/descriptor_set.h"
#include "fdrpc/metadata.h"
#include "fdrpc/unique_fd.h"
#include "google/protobuf/message_lite.h"
#include "transport/frame.h"
#include "wire/hello.h"

namespace fdrpc {

// The frames of one message, with what precedes it: one frame, unless the
// message is large or has more descriptors than one sendmsg(2) takes.
using OutgoingFrames = absl::InlinedVector<OutgoingFrame, 1>;

// The frames that open a call: with its whole request and the half-close, or
// with neither if `request` is null. CompleteOpen() adds the ids of the call
// and method and the remaining timeout, once they are known.
OutgoingFrames BuildOpen(const google::protobuf::MessageLite* request,
                         DescriptorSet descriptors, bool has_timeout,
                         const Metadata& metadata);
// Turns the frames that open a call with its request into a one-way call, whose
// last frame reports when it has been sent.
void MakeOneWay(OutgoingFrames& frames);
void CompleteOpen(OutgoingFrames& frames, uint32_t call_id, uint32_t method_id,
                  absl::Duration timeout);

// The frames of a message of a stream. Here and below, large fields of a
// message whose owner gives it away are sent without being copied.
OutgoingFrames BuildMessage(uint32_t call_id, const OutgoingMessage& message,
                            DescriptorSet descriptors, bool half_close);
// The same with what it costs of the stream's credit.
struct StreamMessage {
  OutgoingFrames frames;
  size_t bytes = 0;
  size_t descriptors = 0;
};
// Makes one of a message that is not prepared yet: as PrepareMessage(), and
// BuildMessage() if that succeeds.
absl::Status PrepareStreamMessage(uint32_t call_id,
                                  const OutgoingMessage& message, bool has_any,
                                  const MessageLimits& limits, bool half_close,
                                  StreamMessage& prepared);
OutgoingFrame BuildHalfClose(uint32_t call_id);
// For frames that were built before their call had an id.
void SetCallId(OutgoingFrame& frame, uint32_t call_id);
void AddFlags(OutgoingFrame& frame, uint8_t flags);

OutgoingFrame BuildHeaders(uint32_t call_id, const Metadata& headers);
// At most one frame for each of bytes and descriptors.
OutgoingFrames BuildCredit(uint32_t call_id, Credit credit);

// The frames that end a call, with its reply if `reply` is not null.
OutgoingFrames BuildStatus(uint32_t call_id, const absl::Status& status,
                           const Metadata& headers, const Metadata& trailers,
                           const OutgoingMessage* reply,
                           DescriptorSet descriptors);

OutgoingFrame BuildHello(const Hello& hello);
OutgoingFrame BuildMethod(uint32_t method_id, std::string_view full_name);
// From a client: it offers services. From a server: the client shall send the
// socket of its offer again.
OutgoingFrame BuildOffer();
// `socket`: over which the sender serves.
OutgoingFrame BuildOffer(UniqueFd socket);
// `why` is text for people. It may be empty, and is cut to the length that the
// protocol allows.
OutgoingFrame BuildGoAway(uint32_t last_call_id, std::string_view why = "");
// A frame that has only a header.
OutgoingFrame BuildControl(FrameType type, uint32_t call_id,
                           uint32_t argument = 0);

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_FRAME_BUILDER_H_
