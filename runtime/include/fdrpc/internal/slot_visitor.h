#ifndef FDRPC_INTERNAL_SLOT_VISITOR_H_
#define FDRPC_INTERNAL_SLOT_VISITOR_H_

#include <cstdint>

#include "fdrpc/internal/field_path.h"

namespace fdrpc::internal {

// The content of an fdrpc.Fd.
struct FdSlot {
  const void* fd;  // identifies the fdrpc.Fd
  uint32_t slot;
  uint64_t parcel;
};

// Reads and writes the slot of each fdrpc.Fd of a message, one after the other.
class SlotVisitor {
 public:
  // Generated code calls it once for each fdrpc.Fd that is present. `field` is
  // the full name of the field that has it, for error messages; `key` is the
  // index or the key of the element, if the field has several.
  template <typename Fd, typename... Key>
  void Visit(const char* field, Fd& fd, const Key&... key) {
    FdSlot slot = {&fd, fd.slot(), fd.parcel()};
    VisitSlot(FieldPath(outer_, field, key...), slot);
    if (slot.slot != fd.slot()) fd.set_slot(slot.slot);
    if (slot.parcel != fd.parcel()) fd.set_parcel(slot.parcel);
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

  const FieldPath* outer_ = nullptr;
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_SLOT_VISITOR_H_
