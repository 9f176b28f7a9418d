#ifndef FDRPC_INTERNAL_SLOT_VISITOR_H_
#define FDRPC_INTERNAL_SLOT_VISITOR_H_

#include <cstddef>
#include <cstdint>

#include "fdrpc/internal/descriptor_rules.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/internal/field_path.h"

namespace fdrpc::internal {

// The content of an fdrpc.Fd.
struct FdSlot {
  const void* fd;  // identifies the fdrpc.Fd
  uint32_t slot;
  uint64_t parcel;
  const DescriptorRules* rules = nullptr;  // null: there are none
};

// Reads and writes the slot of each fdrpc.Fd of a message, one after the other.
class FDRPC_API SlotVisitor {
 public:
  // Generated code calls it once for each fdrpc.Fd that is present. `field` is
  // the full name of the field that has it, for error messages; `key` is the
  // index or the key of the element, if the field has several.
  template <typename Fd, typename... Key>
  void Visit(const char* field, Fd& fd, const Key&... key) {
    VisitFd(nullptr, field, fd, key...);
  }
  // The same for a field whose descriptors have rules.
  template <typename Fd, typename... Key>
  void VisitRuled(const char* field, const DescriptorRules& rules, Fd& fd,
                  const Key&... key) {
    VisitFd(&rules, field, fd, key...);
  }
  // The same for code that reads and writes the slot itself (DynamicParcel).
  // `place` is that in the whole message.
  void VisitRead(const char* place, FdSlot& slot) {
    VisitSlot(FieldPath(outer_, place), slot);
  }
  // Generated code calls it for a required field that is not present.
  void VisitMissing(const char* field) { OnMissing(FieldPath(outer_, field)); }
  // Generated code calls it before it visits the elements of a field that may
  // have only so many.
  void VisitCount(const char* field, size_t count, size_t most) {
    if (count > most) OnTooMany(FieldPath(outer_, field), count, most);
  }

  // During its lifetime, the visited fdrpc.Fds are in that field of the
  // message.
  class FieldScope {
   public:
    template <typename... Key>
    FieldScope(SlotVisitor& visitor, const char* field, const Key&... key)
        : visitor_(visitor), path_(visitor.outer_, field, key...) {
      visitor_.outer_ = &path_;
    }
    ~FieldScope() { visitor_.outer_ = path_.outer(); }
    FieldScope(const FieldScope&) = delete;
    FieldScope& operator=(const FieldScope&) = delete;

   private:
    SlotVisitor& visitor_;
    const FieldPath path_;
  };

 protected:
  ~SlotVisitor() = default;

 private:
  virtual void VisitSlot(const FieldPath& field, FdSlot& fd) = 0;
  virtual void OnMissing(const FieldPath& /*field*/) {}
  virtual void OnTooMany(const FieldPath& /*field*/, size_t /*count*/,
                         size_t /*most*/) {}

  template <typename Fd, typename... Key>
  void VisitFd(const DescriptorRules* rules, const char* field, Fd& fd,
               const Key&... key) {
    FdSlot slot = {&fd, fd.slot(), fd.parcel(), rules};
    VisitSlot(FieldPath(outer_, field, key...), slot);
    if (slot.slot != fd.slot()) fd.set_slot(slot.slot);
    if (slot.parcel != fd.parcel()) fd.set_parcel(slot.parcel);
  }

  const FieldPath* outer_ = nullptr;
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_SLOT_VISITOR_H_
