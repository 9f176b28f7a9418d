#include "fdrpc/dynamic_method.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/unknown_field_set.h"

namespace fdrpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

// Whether `type` is the message of that name, or has it at any depth.
bool Contains(const Descriptor& type, const char* full_name,
              std::set<const Descriptor*>& visited) {
  if (std::string(type.full_name()) == full_name) return true;
  if (!visited.insert(&type).second) return false;
  for (int i = 0; i < type.field_count(); ++i) {
    const Descriptor* field = type.field(i)->message_type();
    if (field != nullptr && Contains(*field, full_name, visited)) return true;
  }
  return false;
}
bool Contains(const Descriptor& type, const char* full_name) {
  std::set<const Descriptor*> visited;
  return Contains(type, full_name, visited);
}

// The member one_way of (fdrpc.method_rules), from the bytes of the options: it
// does not matter whether this program knows the option as an extension.
bool IsOneWay(const MethodDescriptor& descriptor) {
  constexpr int kMethodRules = 51871;
  constexpr int kOneWay = 1;
  UnknownFieldSet options;
  options.ParseFromString(descriptor.options().SerializePartialAsString());
  bool one_way = false;
  for (int i = 0; i < options.field_count(); ++i) {
    const UnknownField& option = options.field(i);
    if (option.number() != kMethodRules ||
        option.type() != UnknownField::TYPE_LENGTH_DELIMITED) {
      continue;
    }
    UnknownFieldSet rules;
    rules.ParseFromString(std::string(option.length_delimited()));
    for (int j = 0; j < rules.field_count(); ++j) {
      if (rules.field(j).number() == kOneWay &&
          rules.field(j).type() == UnknownField::TYPE_VARINT) {
        one_way = rules.field(j).varint() != 0;
      }
    }
  }
  return one_way;
}

MethodKind KindOf(const MethodDescriptor& descriptor) {
  if (descriptor.client_streaming()) {
    return descriptor.server_streaming() ? MethodKind::kBidirectional
                                         : MethodKind::kClientStreaming;
  }
  return descriptor.server_streaming() ? MethodKind::kServerStreaming
                                       : MethodKind::kUnary;
}

}  // namespace

DynamicMethod::DynamicMethod(const MethodDescriptor& descriptor)
    : descriptor_(descriptor),
      full_name_(absl::StrCat(std::string(descriptor.service()->full_name()),
                              "/", std::string(descriptor.name()))) {
  constexpr char kFd[] = "fdrpc.Fd";
  constexpr char kAny[] = "google.protobuf.Any";
  const Descriptor& request = *descriptor.input_type();
  const Descriptor& reply = *descriptor.output_type();
  method_ = {.full_name = full_name_,
             .kind = KindOf(descriptor),
             .request_has_descriptors = Contains(request, kFd),
             .reply_has_descriptors = Contains(reply, kFd),
             .one_way = IsOneWay(descriptor),
             .request_has_any = Contains(request, kAny),
             .reply_has_any = Contains(reply, kAny)};
}

}  // namespace fdrpc
