#include "fdrpc/parcel.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "fdrpc/internal/slot_visitor.h"
#include "os/background_close.h"
#include "os/descriptor_check.h"
#include "os/descriptor_kind.h"

namespace fdrpc {
namespace {

// Never 0, and never the same twice in a process. The first one is random, so
// that no message from elsewhere refers to a parcel of this process.
uint64_t NewParcelId() {
  thread_local uint64_t next = 0;
  if (next == 0) {
    std::random_device random;
    next = uint64_t{random()} << 32 | random();
  }
  // 0 means none.
  if (++next == 0) ++next;
  return next;
}

absl::Status WrongDescriptor(const internal::FieldPath& field,
                             const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(field.ToString(), ": ", what));
}

// Checks a message until something is wrong, and the rules of its fields.
class CheckedSlots : public internal::SlotVisitor {
 public:
  const absl::Status& status() const { return status_; }

 protected:
  ~CheckedSlots() = default;

  void CheckRules(const internal::FieldPath& field, const internal::FdSlot& fd,
                  int number) {
    if (fd.rules == nullptr) return;
    const absl::Status kept = CheckDescriptor(*fd.rules, number);
    if (kept.ok()) return;
    status_ = absl::Status(
        kept.code(),
        absl::StrCat(field.ToString(), ": ", std::string(kept.message())));
  }

  absl::Status status_;

 private:
  void OnMissing(const internal::FieldPath& field) final {
    if (!status_.ok()) return;
    status_ = WrongDescriptor(
        field, "it is missing, and the field's rules demand a descriptor");
  }
  void OnTooMany(const internal::FieldPath& field, size_t count,
                 size_t most) final {
    if (!status_.ok()) return;
    status_ = WrongDescriptor(
        field,
        absl::StrCat("it has ", count,
                     " descriptors, and the field's rules allow ", most));
  }
};

// Checks the slots of a parcel that is sent, and renumbers those of a set with
// gaps: the first slot visited becomes 1, and so on.
class OutgoingSlots final : public CheckedSlots {
 public:
  OutgoingSlots(uint64_t parcel, DescriptorSet& descriptors)
      : parcel_(parcel), descriptors_(descriptors) {}

  DescriptorSet TakeOrdered() { return std::move(ordered_); }

 private:
  void VisitSlot(const internal::FieldPath& field,
                 internal::FdSlot& fd) override {
    if (!status_.ok()) return;
    if (fd.slot == 0) {
      status_ = WrongDescriptor(
          field,
          "no descriptor is attached; attach one, or leave the field out");
      return;
    }
    if (fd.parcel != parcel_ || fd.slot > descriptors_.size()) {
      status_ = WrongDescriptor(
          field,
          "it does not name a descriptor of this parcel: it was copied from "
          "another parcel, set by hand, or sent before; copying a message does "
          "not copy its descriptors, so attach one to the field");
      return;
    }
    AttachedFd& attached = descriptors_[fd.slot - 1];
    if (!attached.ok()) {
      status_ = WrongDescriptor(field, WhyEmpty(fd.slot, attached));
      return;
    }
    CheckRules(field, fd, attached.get());
    if (!status_.ok()) return;
    field.NotePlace(attached, ordered_.empty() ? nullptr : &ordered_.back());
    ordered_.push_back(std::exchange(attached, AttachedFd()));
    old_slots_.push_back(fd.slot);
    fd.slot = static_cast<uint32_t>(ordered_.size());
    fd.parcel = 0;
  }

  std::string WhyEmpty(uint32_t slot, const AttachedFd& attached) const {
    const auto same = std::find(old_slots_.begin(), old_slots_.end(), slot);
    if (same != old_slots_.end()) {
      return absl::StrCat(
          "its descriptor is attached to another field too, ",
          ordered_[static_cast<size_t>(same - old_slots_.begin())].place());
    }
    if (attached.taken()) return "its descriptor was taken out of the parcel";
    return "the descriptor that was attached is empty: its UniqueFd or "
           "SharedFd owned none, as after an open(2) that failed";
  }

  const uint64_t parcel_;
  DescriptorSet& descriptors_;
  DescriptorSet ordered_;
  absl::InlinedVector<uint32_t, 4> old_slots_;  // those of ordered_
};

// Checks that each slot of `descriptors` is used once, and sets their parcel to
// `parcel`.
class IncomingSlots final : public CheckedSlots {
 public:
  IncomingSlots(const DescriptorSet& descriptors, uint64_t parcel)
      : descriptors_(descriptors),
        used_(descriptors.size(), false),
        parcel_(parcel) {}

  absl::Status Finish() const {
    if (!status_.ok()) return status_;
    for (size_t i = 0; i < used_.size(); ++i) {
      if (!used_[i]) {
        return absl::InternalError(absl::StrCat(
            "descriptor ", i + 1, " of ", used_.size(),
            " that came with the message belongs to no field of it"));
      }
    }
    return absl::OkStatus();
  }

 private:
  void VisitSlot(const internal::FieldPath& field,
                 internal::FdSlot& fd) override {
    if (!status_.ok()) return;
    if (fd.slot == 0 || fd.slot > used_.size()) {
      status_ = absl::InternalError(absl::StrCat(field.ToString(),
                                                 " names descriptor ", fd.slot,
                                                 " of ", used_.size()));
    } else if (used_[fd.slot - 1]) {
      status_ = absl::InternalError(
          absl::StrCat(field.ToString(), " names descriptor ", fd.slot,
                       ", which another field names too"));
    } else {
      used_[fd.slot - 1] = true;
      fd.parcel = parcel_;
      CheckRules(field, fd, descriptors_[fd.slot - 1].get());
    }
  }

  const DescriptorSet& descriptors_;
  std::vector<bool> used_;
  const uint64_t parcel_;
};

// Finds out whether another field refers to the same descriptor.
class OtherNames final : public internal::SlotVisitor {
 public:
  explicit OtherNames(const internal::FdSlot& field) : field_(field) {}
  bool found() const { return found_; }

 private:
  void VisitSlot(const internal::FieldPath&, internal::FdSlot& fd) override {
    found_ |= fd.fd != field_.fd && fd.slot == field_.slot &&
              fd.parcel == field_.parcel;
  }

  const internal::FdSlot& field_;
  bool found_ = false;
};

// Which descriptors of a parcel with that id its message names.
class NamedSlots final : public internal::SlotVisitor {
 public:
  NamedSlots(uint64_t parcel, size_t count)
      : parcel_(parcel), named_(count, false) {}
  bool Has(uint32_t slot) const { return named_[slot - 1]; }

 private:
  void VisitSlot(const internal::FieldPath&, internal::FdSlot& fd) override {
    if (fd.parcel == parcel_ && fd.slot != 0 && fd.slot <= named_.size()) {
      named_[fd.slot - 1] = true;
    }
  }

  const uint64_t parcel_;
  std::vector<bool> named_;
};

// Lists the descriptors of a parcel with that id.
class ListedSlots final : public internal::SlotVisitor {
 public:
  ListedSlots(uint64_t parcel, const DescriptorSet& descriptors)
      : parcel_(parcel), descriptors_(descriptors) {}

  std::vector<DescriptorInfo> TakeList() { return std::move(list_); }

 private:
  void VisitSlot(const internal::FieldPath& field,
                 internal::FdSlot& fd) override {
    DescriptorInfo info;
    if (fd.slot != 0 && fd.slot <= descriptors_.size() &&
        fd.parcel == parcel_ && descriptors_[fd.slot - 1].ok()) {
      info = InfoOf(descriptors_[fd.slot - 1].get());
    }
    info.field = field.Path();
    list_.push_back(std::move(info));
  }

  const uint64_t parcel_;
  const DescriptorSet& descriptors_;
  std::vector<DescriptorInfo> list_;
};

}  // namespace

absl::Status ParcelBase::PrepareToSend() {
  OutgoingSlots slots(id_, descriptors_);
  VisitSlots(slots);
  absl::Status status = slots.status();
  if (status.ok() && HidesDescriptors()) {
    status = absl::InvalidArgumentError(absl::StrCat(
        "a descriptor is attached to an fdrpc.Fd that no field of ",
        std::string(lite_message().GetTypeName()),
        " holds: one that is packed in google.protobuf.Any, in a bytes field "
        "or in an extension, where descriptors cannot travel"));
  }
  DescriptorSet ordered = slots.TakeOrdered();
  CloseAll();  // no field refers to what was not moved into the order
  descriptors_ = std::move(ordered);
  return status;
}

// Whether the message refers to a remaining descriptor somewhere other than in
// a field of type fdrpc.Fd. The fields that are in order do not refer to this
// parcel any more.
bool ParcelBase::HidesDescriptors() {
  if (id_ == 0 || std::none_of(descriptors_.begin(), descriptors_.end(),
                               [](const AttachedFd& fd) { return fd.ok(); })) {
    return false;
  }
  // The field "parcel" of an fdrpc.Fd, as it is in the bytes.
  std::string name = "\x11";
  for (int shift = 0; shift < 64; shift += 8) {
    name += static_cast<char>(id_ >> shift);
  }
  return lite_message().SerializePartialAsString().find(name) !=
         std::string::npos;
}

absl::Status ParcelBase::Accept(DescriptorSet descriptors) {
  const uint64_t id = descriptors.empty() ? 0 : NewParcelId();
  IncomingSlots slots(descriptors, id);
  VisitSlots(slots);
  absl::Status status = slots.Finish();
  descriptors_ = std::move(descriptors);
  id_ = id;
  if (!status.ok()) CloseAll();
  return status;
}

std::vector<DescriptorInfo> ParcelBase::ListDescriptors() const {
  ListedSlots slots(id_, descriptors_);
  // Visiting is for reading and writing; this visitor only reads.
  const_cast<ParcelBase*>(this)->VisitSlots(slots);
  return slots.TakeList();
}

void ParcelBase::CloseAll() {
  for (AttachedFd& fd : descriptors_) CloseInBackground(fd.TakeUnique());
  descriptors_.clear();
  id_ = 0;
}

AttachedFd* ParcelBase::Find(const internal::FdSlot& field) {
  if (field.slot == 0 || field.slot > descriptors_.size() ||
      field.parcel != id_) {
    return nullptr;
  }
  return &descriptors_[field.slot - 1];
}

bool ParcelBase::OthersName(const internal::FdSlot& field) {
  OtherNames others(field);
  VisitSlots(others);
  return others.found();
}

void ParcelBase::AttachSlot(internal::FdSlot& field, AttachedFd fd) {
  if (AttachedFd* old = Find(field); old != nullptr && !OthersName(field)) {
    CloseInBackground(std::exchange(*old, std::move(fd)).TakeUnique());
    return;
  }
  if (descriptors_.empty()) id_ = NewParcelId();
  descriptors_.push_back(std::move(fd));
  field.slot = static_cast<uint32_t>(descriptors_.size());
  field.parcel = id_;
}

UniqueFd ParcelBase::TakeSlot(const internal::FdSlot& field) {
  AttachedFd* fd = Find(field);
  return fd == nullptr ? UniqueFd() : fd->TakeUnique();
}

int ParcelBase::BorrowSlot(const internal::FdSlot& field) const {
  const AttachedFd* fd = const_cast<ParcelBase*>(this)->Find(field);
  return fd == nullptr ? -1 : fd->get();
}

void ParcelBase::CloseSlot(const internal::FdSlot& field) {
  AttachedFd* fd = Find(field);
  if (fd != nullptr && !OthersName(field)) {
    CloseInBackground(std::exchange(*fd, AttachedFd()).TakeUnique());
  }
}

void ParcelBase::CloseSlots(const std::vector<internal::FdSlot>& removed) {
  NamedSlots named(id_, descriptors_.size());
  VisitSlots(named);
  for (const internal::FdSlot& field : removed) {
    AttachedFd* fd = Find(field);
    if (fd != nullptr && !named.Has(field.slot)) {
      CloseInBackground(std::exchange(*fd, AttachedFd()).TakeUnique());
    }
  }
}

}  // namespace fdrpc
