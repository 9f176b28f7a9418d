#include "call/parse.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "fdrpc/internal/kept_messages.h"

namespace fdrpc {

absl::Status ParseReceived(ReceivedMessage&& received,
                           IncomingMessage message) {
  if (message.owner != nullptr &&
      received.bytes.size() >= internal::KeptMessages::kLeastBytes) {
    message.owner->ExpectLarge();
  }
  if (!std::move(received.bytes).ParseInto(*message.message)) {
    received.descriptors.Close();
    return absl::InternalError(
        absl::StrCat("the received bytes are not a ",
                     std::string(message.message->GetTypeName())));
  }
  // The assembler has refused descriptors of a type that has none.
  if (message.parcel == nullptr) return absl::OkStatus();
  DescriptorSet descriptors;
  for (UniqueFd& fd : received.descriptors) {
    descriptors.push_back(std::move(fd));
  }
  return message.parcel->Accept(std::move(descriptors));
}

absl::Status ParseReply(ReceivedMessage&& received, IncomingMessage message) {
  absl::Status parsed = ParseReceived(std::move(received), message);
  if (!absl::IsInvalidArgument(parsed)) return parsed;
  return absl::InternalError(
      absl::StrCat("the server's reply: ", std::string(parsed.message())));
}

}  // namespace fdrpc
