#ifndef FDRPC_SERVICES_TOOL_MESSAGE_TYPES_H_
#define FDRPC_SERVICES_TOOL_MESSAGE_TYPES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/descriptor_info.h"
#include "fdrpc/dynamic_parcel.h"
#include "google/protobuf/dynamic_message.h"
#include "services/capture/event_reader.h"
#include "services/tool/schema.h"

namespace fdrpc::tool {

// The types of recorded messages: those of .proto files that the user gives,
// or else those that the recording has.
class MessageTypes {
 public:
  // `given`: null if the user gives none.
  explicit MessageTypes(std::unique_ptr<Schema> given)
      : schema_(std::move(given)), is_given_(schema_ != nullptr) {}

  bool has_schema() const { return schema_ != nullptr; }
  // Takes a recorded schema. INVALID_ARGUMENT if it is none.
  absl::Status Use(const capture::Event& schema);

  // The method of an event; null if no schema has it.
  const google::protobuf::MethodDescriptor* MethodOf(const std::string& name);
  std::unique_ptr<DynamicParcel> New(const google::protobuf::Descriptor& type);
  // The message of an event, without descriptors. NOT_FOUND if its type is not
  // known; INVALID_ARGUMENT if it is not of that type. This object must outlive
  // it.
  absl::StatusOr<std::unique_ptr<DynamicParcel>> Parse(
      const capture::Event& event);
  // The message as JSON, with what is recorded of the descriptors. Errors of
  // Parse(), and INTERNAL if it has no JSON.
  absl::StatusOr<std::string> Json(const capture::Event& event);

 private:
  std::unique_ptr<Schema> schema_;
  const bool is_given_;
  google::protobuf::DynamicMessageFactory factory_;
};

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_MESSAGE_TYPES_H_
