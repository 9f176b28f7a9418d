#include "call/packed_descriptors.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace fdrpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::Reflection;

// A message that is packed more often than this, each in the other, counts as
// an attack.
constexpr int kMostPacked = 32;

bool IsAny(const Descriptor& type) {
  return type.full_name() == "google.protobuf.Any";
}
bool IsFd(const Descriptor& type) { return type.full_name() == "fdrpc.Fd"; }

class Search {
 public:
  // `packed`: how many Anys are around the message.
  absl::Status Check(const Message& message, const std::string& place,
                     int packed) {
    const Descriptor& type = *message.GetDescriptor();
    const Reflection& reflection = *message.GetReflection();
    if (IsFd(type)) {
      return packed == 0 || reflection.GetUInt32(message,
                                                 type.FindFieldByNumber(1)) == 0
                 ? absl::OkStatus()
                 : absl::InvalidArgumentError(absl::StrCat(
                       place,
                       ": a descriptor is attached to it, and none can travel "
                       "in google.protobuf.Any; make it a field of the "
                       "method's own message"));
    }
    if (IsAny(type)) return CheckPacked(message, place, packed);
    std::vector<const FieldDescriptor*> fields;
    reflection.ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      if (field->message_type() == nullptr ||
          !IsOfInterest(*field->message_type())) {
        continue;
      }
      const std::string name =
          absl::StrCat(place.empty() ? "field " : absl::StrCat(place, " > "),
                       std::string(field->full_name()));
      if (!field->is_repeated()) {
        absl::Status status =
            Check(reflection.GetMessage(message, field), name, packed);
        if (!status.ok()) return status;
        continue;
      }
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        absl::Status status =
            Check(reflection.GetRepeatedMessage(message, field, i),
                  absl::StrCat(name, "[", i, "]"), packed);
        if (!status.ok()) return status;
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status CheckPacked(const Message& any, const std::string& place,
                           int packed) {
    if (packed == kMostPacked) {
      return absl::InvalidArgumentError(
          absl::StrCat(place, ": more than ", kMostPacked,
                       " google.protobuf.Any are packed in each other"));
    }
    const Reflection& reflection = *any.GetReflection();
    const Descriptor& type = *any.GetDescriptor();
    const std::string url =
        reflection.GetString(any, type.FindFieldByNumber(1));
    const Descriptor* of =
        DescriptorPool::generated_pool()->FindMessageTypeByName(
            url.substr(url.rfind('/') + 1));
    if (of == nullptr || !IsOfInterest(*of)) return absl::OkStatus();
    const Message* prototype =
        MessageFactory::generated_factory()->GetPrototype(of);
    if (prototype == nullptr) return absl::OkStatus();
    const std::unique_ptr<Message> content(prototype->New());
    // A message that cannot be parsed refers to no descriptor.
    if (!content->ParsePartialFromString(
            reflection.GetString(any, type.FindFieldByNumber(2)))) {
      return absl::OkStatus();
    }
    return Check(*content,
                 absl::StrCat(place.empty() ? "the message" : place, " > ",
                              std::string(of->full_name())),
                 packed + 1);
  }

  // Whether messages of the type may have an Any or an fdrpc.Fd.
  bool IsOfInterest(const Descriptor& type) {
    if (const auto known = known_.find(&type); known != known_.end()) {
      return known->second;
    }
    std::vector<const Descriptor*> reached = {&type};
    absl::flat_hash_set<const Descriptor*> seen = {&type};
    for (size_t next = 0; next < reached.size(); ++next) {
      if (IsAny(*reached[next]) || IsFd(*reached[next])) {
        return known_[&type] = true;
      }
      for (int i = 0; i < reached[next]->field_count(); ++i) {
        const Descriptor* inner = reached[next]->field(i)->message_type();
        if (inner != nullptr && seen.insert(inner).second) {
          reached.push_back(inner);
        }
      }
    }
    for (const Descriptor* none : seen) known_[none] = false;
    return false;
  }

  absl::flat_hash_map<const Descriptor*, bool> known_;
};

}  // namespace

absl::Status CheckPackedDescriptors(
    const google::protobuf::MessageLite& message) {
  return Search().Check(static_cast<const Message&>(message), "", 0);
}

}  // namespace fdrpc
