#ifndef FDRPC_CALL_PREPARE_MESSAGE_H_
#define FDRPC_CALL_PREPARE_MESSAGE_H_

#include <limits>

#include "absl/status/status.h"
#include "call/message_assembler.h"
#include "fdrpc/call.h"
#include "fdrpc/descriptor_set.h"

namespace fdrpc {

// Where the peer's are not known yet, or there is no peer.
inline constexpr MessageLimits kNoMessageLimits = {
    .bytes = std::numeric_limits<size_t>::max(),
    .descriptors = std::numeric_limits<size_t>::max()};

// Makes a message ready to be sent, and takes its descriptors out, in any case.
// INVALID_ARGUMENT if its parcel is not in order, required fields are missing,
// or, if it is of the full runtime and `has_any`, descriptors stand where they
// cannot travel. RESOURCE_EXHAUSTED if it is beyond what the peer takes, or
// Protocol Buffers can have. Afterwards the message's size is in its cache.
absl::Status PrepareMessage(const OutgoingMessage& message, bool has_any,
                            const MessageLimits& limits,
                            DescriptorSet& descriptors);

}  // namespace fdrpc

#endif  // FDRPC_CALL_PREPARE_MESSAGE_H_
