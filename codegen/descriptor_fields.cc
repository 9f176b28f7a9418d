#include "codegen/descriptor_fields.h"

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "google/protobuf/descriptor.pb.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

void VisitWithNested(const Descriptor& message,
                     const std::function<void(const Descriptor&)>& visit) {
  if (message.options().map_entry()) return;
  visit(message);
  for (int i = 0; i < message.nested_type_count(); ++i) {
    VisitWithNested(*message.nested_type(i), visit);
  }
}

}  // namespace

bool IsFd(const Descriptor& message) {
  return message.full_name() == "fdrpc.Fd";
}

const Descriptor* ValueMessage(const FieldDescriptor& field) {
  const Descriptor* type = field.message_type();
  return field.is_map() ? type->map_value()->message_type() : type;
}

bool HoldsFd(const FieldDescriptor& field) {
  const Descriptor* type = ValueMessage(field);
  return type != nullptr && IsFd(*type);
}

bool HasPackedMessages(const Descriptor& message) {
  std::vector<const Descriptor*> reached = {&message};
  absl::flat_hash_set<const Descriptor*> seen = {&message};
  for (size_t next = 0; next < reached.size(); ++next) {
    const Descriptor& type = *reached[next];
    if (type.full_name() == "google.protobuf.Any") return true;
    for (int i = 0; i < type.field_count(); ++i) {
      const Descriptor* inner = ValueMessage(*type.field(i));
      if (inner != nullptr && seen.insert(inner).second) {
        reached.push_back(inner);
      }
    }
  }
  return false;
}

bool DescriptorFields::HasAny(const Descriptor& message) {
  if (auto known = known_.find(&message); known != known_.end()) {
    return known->second;
  }
  // Types can contain each other in cycles. So the answer for a type on the way
  // is not known until everything that it reaches was seen. If no descriptor
  // was found, none of the types seen has one.
  std::vector<const Descriptor*> reached = {&message};
  absl::flat_hash_set<const Descriptor*> seen = {&message};
  for (size_t next = 0; next < reached.size(); ++next) {
    const Descriptor& type = *reached[next];
    auto known = known_.find(&type);
    if (IsFd(type) || (known != known_.end() && known->second)) {
      return known_[&message] = true;
    }
    if (known != known_.end()) continue;
    for (int i = 0; i < type.field_count(); ++i) {
      const Descriptor* inner = ValueMessage(*type.field(i));
      if (inner != nullptr && seen.insert(inner).second) {
        reached.push_back(inner);
      }
    }
  }
  for (const Descriptor* type : seen) known_[type] = false;
  return false;
}

std::vector<const Descriptor*> DescriptorFields::ParcelMessages(
    const FileDescriptor& file) {
  std::vector<const Descriptor*> messages;
  ForEachMessage(file, [&](const Descriptor& message) {
    if (HasAny(message)) messages.push_back(&message);
  });
  return messages;
}

void ForEachMessage(const FileDescriptor& file,
                    const std::function<void(const Descriptor&)>& visit) {
  for (int i = 0; i < file.message_type_count(); ++i) {
    VisitWithNested(*file.message_type(i), visit);
  }
}

}  // namespace fdrpc::codegen
