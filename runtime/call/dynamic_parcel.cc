#include "fdrpc/dynamic_parcel.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "fdrpc/internal/field_path.h"
#include "fdrpc/internal/slot_visitor.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool IsSingular(const FieldDescriptor* field, FieldDescriptor::CppType type) {
  return field != nullptr && !field->is_repeated() && field->cpp_type() == type;
}

// The members of fdrpc.Fd.
const FieldDescriptor* SlotField(const Message& fd) {
  return fd.GetDescriptor()->FindFieldByName("slot");
}
const FieldDescriptor* ParcelField(const Message& fd) {
  return fd.GetDescriptor()->FindFieldByName("parcel");
}

// A schema of a peer may have another message of that name.
bool IsFd(const Message& message) {
  return std::string(message.GetDescriptor()->full_name()) == "fdrpc.Fd" &&
         IsSingular(SlotField(message), FieldDescriptor::CPPTYPE_UINT32) &&
         IsSingular(ParcelField(message), FieldDescriptor::CPPTYPE_UINT64);
}

internal::FdSlot Read(const Message& fd) {
  const Reflection& reflection = *fd.GetReflection();
  return {&fd, reflection.GetUInt32(fd, SlotField(fd)),
          reflection.GetUInt64(fd, ParcelField(fd))};
}
void Write(const internal::FdSlot& slot, Message& fd) {
  const Reflection& reflection = *fd.GetReflection();
  // As generated code has it: a field without presence that is 0 is not sent.
  reflection.SetUInt32(&fd, SlotField(fd), slot.slot);
  reflection.SetUInt64(&fd, ParcelField(fd), slot.parcel);
}

std::string KeyOf(const Message& entry) {
  const FieldDescriptor* key = entry.GetDescriptor()->map_key();
  const Reflection& reflection = *entry.GetReflection();
  switch (key->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.GetString(entry, key);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(entry, key) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(reflection.GetInt32(entry, key));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(reflection.GetInt64(entry, key));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(reflection.GetUInt32(entry, key));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(reflection.GetUInt64(entry, key));
    default:  // protoc allows no others
      return "";
  }
}

// Visits the fdrpc.Fds of a message at any depth, but not in extensions, as the
// generated code does.
class FieldWalk {
 public:
  using Visit = absl::FunctionRef<void(Message& fd, const std::string& place)>;
  explicit FieldWalk(Visit visit) : visit_(visit) {}

  void Walk(Message& message, const std::string& outer) {
    const Reflection& reflection = *message.GetReflection();
    std::vector<const FieldDescriptor*> present;
    reflection.ListFields(message, &present);
    for (const FieldDescriptor* field : present) {
      if (field->message_type() == nullptr || field->is_extension()) continue;
      const std::string place = absl::StrCat(outer, outer.empty() ? "" : ".",
                                             std::string(field->name()));
      if (!field->is_repeated()) {
        VisitOrWalk(*reflection.MutableMessage(&message, field), place);
        continue;
      }
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        Message& element =
            *reflection.MutableRepeatedMessage(&message, field, i);
        if (!field->is_map()) {
          VisitOrWalk(element, absl::StrCat(place, "[", i, "]"));
          continue;
        }
        const FieldDescriptor* value = element.GetDescriptor()->map_value();
        if (value->message_type() == nullptr) break;
        VisitOrWalk(*element.GetReflection()->MutableMessage(&element, value),
                    absl::StrCat(place, "[", KeyOf(element), "]"));
      }
    }
  }

 private:
  void VisitOrWalk(Message& message, const std::string& place) {
    if (IsFd(message)) {
      visit_(message, place);
    } else {
      Walk(message, place);
    }
  }

  const Visit visit_;
};

}  // namespace

void DynamicParcel::Attach(Message& field, UniqueFd fd) {
  internal::FdSlot slot = Read(field);
  AttachSlot(slot, std::move(fd));
  Write(slot, field);
}

UniqueFd DynamicParcel::Take(const Message& field) {
  return TakeSlot(Read(field));
}

int DynamicParcel::Borrow(const Message& field) const {
  return BorrowSlot(Read(field));
}

void DynamicParcel::ForEachField(
    absl::FunctionRef<void(Message& field, const std::string& place)> visit) {
  FieldWalk(visit).Walk(*message_, "");
}

void DynamicParcel::VisitSlots(internal::SlotVisitor& visitor) {
  FieldWalk([&](Message& fd, const std::string& place) {
    internal::FdSlot slot = Read(fd);
    const std::string name = absl::StrCat(
        std::string(message_->GetDescriptor()->full_name()), ".", place);
    visitor.VisitRead(name.c_str(), slot);
    if (slot.slot != Read(fd).slot || slot.parcel != Read(fd).parcel) {
      Write(slot, fd);
    }
  }).Walk(*message_, "");
}

}  // namespace fdrpc
