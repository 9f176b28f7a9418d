#include "services/tool/message_types.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/tool/given_schema.h"
#include "services/tool/reply_text.h"

namespace fdrpc::tool {

using capture::Direction;
using capture::Event;
using google::protobuf::MethodDescriptor;

absl::Status MessageTypes::Use(const Event& schema) {
  // A second one is that of the same server; its types cannot replace those
  // that are in use.
  if (is_given_ || schema_ != nullptr) return absl::OkStatus();
  auto recorded =
      GivenSchema::FromSerializedSet(schema.message, "the recorded schema");
  if (!recorded.ok()) return recorded.status();
  schema_ = std::make_unique<Schema>(*std::move(recorded));
  return absl::OkStatus();
}

const MethodDescriptor* MessageTypes::MethodOf(const std::string& name) {
  if (schema_ == nullptr) return nullptr;
  const auto method = schema_->FindMethod(name);
  return method.ok() ? *method : nullptr;
}

std::unique_ptr<DynamicParcel> MessageTypes::New(
    const google::protobuf::Descriptor& type) {
  return std::make_unique<DynamicParcel>(
      std::unique_ptr<google::protobuf::Message>(
          factory_.GetPrototype(&type)->New()));
}

absl::StatusOr<std::unique_ptr<DynamicParcel>> MessageTypes::Parse(
    const Event& event) {
  const MethodDescriptor* method = MethodOf(event.method);
  if (method == nullptr) return absl::NotFoundError("the type is not known");
  const google::protobuf::Descriptor* type =
      event.direction == Direction::kFromServer ? method->output_type()
                                                : method->input_type();
  std::unique_ptr<DynamicParcel> parcel = New(*type);
  if (!parcel->message().ParseFromString(event.message)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the message is no ", std::string(type->full_name())));
  }
  return parcel;
}

absl::StatusOr<std::string> MessageTypes::Json(const Event& event) {
  const auto parcel = Parse(event);
  if (!parcel.ok()) return parcel.status();
  return MessageText(**parcel, [&](uint32_t /*index*/, uint32_t slot) {
    const bool is_there = slot >= 1 && slot <= event.descriptors.size();
    return DescriptorText(is_there ? &event.descriptors[slot - 1] : nullptr);
  });
}

}  // namespace fdrpc::tool
