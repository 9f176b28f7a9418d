#ifndef FDRPC_TESTS_CODEGEN_GENERATED_WIRE_MESSAGE_H_
#define FDRPC_TESTS_CODEGEN_GENERATED_WIRE_MESSAGE_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/call.h"
#include "fdrpc/descriptor_set.h"

namespace fdrpc {

// A message between the two sides of a call: its bytes and its descriptors.
// Empty at first.
class WireMessage {
 public:
  // Moves the descriptors out of a parcel, which must be in order.
  static absl::StatusOr<WireMessage> Of(OutgoingMessage message) {
    WireMessage wire;
    if (message.parcel != nullptr) {
      absl::Status status = message.parcel->PrepareToSend();
      if (!status.ok()) return status;
      wire.descriptors_ = message.parcel->TakeDescriptors();
    }
    wire.bytes_ = message.message->SerializeAsString();
    return wire;
  }

  absl::Status MoveTo(IncomingMessage message) {
    if (!message.message->ParseFromString(bytes_)) {
      return absl::InternalError("does not parse");
    }
    if (message.parcel == nullptr) return absl::OkStatus();
    return message.parcel->Accept(std::move(descriptors_));
  }

 private:
  std::string bytes_;
  DescriptorSet descriptors_;
};

}  // namespace fdrpc

#endif  // FDRPC_TESTS_CODEGEN_GENERATED_WIRE_MESSAGE_H_
