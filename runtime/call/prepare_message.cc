#include "call/prepare_message.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "call/packed_descriptors.h"

namespace fdrpc {
namespace {

absl::Status CheckSendable(const google::protobuf::MessageLite& message,
                           size_t descriptors, const MessageLimits& limits) {
  if (!message.IsInitialized()) {
    return absl::InvalidArgumentError(absl::StrCat(
        std::string(message.GetTypeName()),
        " lacks required fields: ", message.InitializationErrorString()));
  }
  const size_t bytes = message.ByteSizeLong();
  // The limit of Protocol Buffers is 2 GiB.
  const size_t max_bytes =
      std::min<size_t>(limits.bytes, std::numeric_limits<int32_t>::max());
  if (bytes > max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        std::string(message.GetTypeName()), " of ", bytes,
        " bytes exceeds the peer's limit of ", max_bytes, kAboutByteLimit));
  }
  if (descriptors > limits.descriptors) {
    return absl::ResourceExhaustedError(
        absl::StrCat(std::string(message.GetTypeName()), " with ", descriptors,
                     " descriptors exceeds the peer's limit of ",
                     limits.descriptors, kAboutDescriptorLimit));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PrepareMessage(const OutgoingMessage& message, bool has_any,
                            const MessageLimits& limits,
                            DescriptorSet& descriptors) {
  if (message.parcel != nullptr) {
    absl::Status prepared = message.parcel->PrepareToSend();
    descriptors = message.parcel->TakeDescriptors();
    if (!prepared.ok()) return prepared;
  }
  if (has_any) {
    absl::Status packed = CheckPackedDescriptors(*message.message);
    if (!packed.ok()) return packed;
  }
  return CheckSendable(*message.message, descriptors.size(), limits);
}

}  // namespace fdrpc
