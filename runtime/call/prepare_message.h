#ifndef FDRPC_CALL_PREPARE_MESSAGE_H_
#define FDRPC_CALL_PREPARE_MESSAGE_H_

#include <limits>

#include "absl/status/status.h"
#include "call/message_assembler.h"
#include "fdrpc/call.h"
#include "fdrpc/descriptor_set.h"

namespace fdrpc {

// For use while the peer's limits are not known, or if there is no peer.
inline constexpr MessageLimits kNoMessageLimits = {
    .bytes = std::numeric_limits<size_t>::max(),
    .descriptors = std::numeric_limits<size_t>::max()};

// Prepares a message to be sent, and takes its descriptors out in any case.
// INVALID_ARGUMENT if its parcel is not in order, required fields are missing,
// or, if it is of the full runtime and `has_any`, a descriptor is where none
// can travel. RESOURCE_EXHAUSTED if it exceeds the peer's limits or those of
// Protocol Buffers. Afterwards the message's size is in its cache.
absl::Status PrepareMessage(const OutgoingMessage& message, bool has_any,
                            const MessageLimits& limits,
                            DescriptorSet& descriptors);

}  // namespace fdrpc

#endif  // FDRPC_CALL_PREPARE_MESSAGE_H_
