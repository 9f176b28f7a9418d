#include "fdrpc/parcel.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "os/background_close.h"

namespace fdrpc {
namespace {

absl::Status WrongDescriptor(const char* field, const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("field ", field, ": ", what));
}

// Checks that slots are used as they must be, and renumbers those of a set with
// gaps: the first slot visited becomes 1, and so on.
class OutgoingSlots final : public SlotVisitor {
 public:
  explicit OutgoingSlots(DescriptorSet& descriptors)
      : descriptors_(descriptors) {}

  const absl::Status& status() const { return status_; }
  DescriptorSet TakeOrdered() { return std::move(ordered_); }

 private:
  uint32_t VisitSlot(const char* field, uint32_t slot) override {
    if (!status_.ok()) return slot;
    if (slot == 0 || slot > descriptors_.size()) {
      status_ = WrongDescriptor(field, "no descriptor is attached");
      return slot;
    }
    OutgoingFd& fd = descriptors_[slot - 1];
    if (!fd.ok()) {
      status_ = WrongDescriptor(
          field,
          "its descriptor is empty, was taken, or is attached to another field "
          "too");
      return slot;
    }
    ordered_.push_back(std::exchange(fd, OutgoingFd()));
    return static_cast<uint32_t>(ordered_.size());
  }

  DescriptorSet& descriptors_;
  DescriptorSet ordered_;
  absl::Status status_;
};

// Checks that each of `count` slots is named once.
class IncomingSlots final : public SlotVisitor {
 public:
  explicit IncomingSlots(size_t count) : used_(count, false) {}

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
  uint32_t VisitSlot(const char* field, uint32_t slot) override {
    if (!status_.ok()) return slot;
    if (slot == 0 || slot > used_.size()) {
      status_ = absl::InternalError(absl::StrCat(
          "field ", field, " names descriptor ", slot, " of ", used_.size()));
    } else if (used_[slot - 1]) {
      status_ = absl::InternalError(
          absl::StrCat("field ", field, " names descriptor ", slot,
                       ", which another field names too"));
    } else {
      used_[slot - 1] = true;
    }
    return slot;
  }

  std::vector<bool> used_;
  absl::Status status_;
};

}  // namespace

absl::Status ParcelBase::PrepareToSend() {
  OutgoingSlots slots(descriptors_);
  VisitSlots(slots);
  // What was not moved into the order is named by no field.
  Close(std::exchange(descriptors_, slots.TakeOrdered()));
  return slots.status();
}

absl::Status ParcelBase::Accept(DescriptorSet descriptors) {
  IncomingSlots slots(descriptors.size());
  VisitSlots(slots);
  absl::Status status = slots.Finish();
  if (!status.ok()) {
    Close(std::move(descriptors));
    return status;
  }
  descriptors_ = std::move(descriptors);
  return absl::OkStatus();
}

void ParcelBase::Close(DescriptorSet descriptors) {
  for (OutgoingFd& fd : descriptors) CloseReceived(fd.TakeUnique());
}

uint32_t ParcelBase::AttachSlot(uint32_t old_slot, OutgoingFd fd) {
  if (old_slot > 0 && old_slot <= descriptors_.size()) {
    DescriptorSet replaced;
    replaced.push_back(
        std::exchange(descriptors_[old_slot - 1], std::move(fd)));
    Close(std::move(replaced));
    return old_slot;
  }
  descriptors_.push_back(std::move(fd));
  return static_cast<uint32_t>(descriptors_.size());
}

UniqueFd ParcelBase::TakeSlot(uint32_t slot) {
  if (slot == 0 || slot > descriptors_.size()) return UniqueFd();
  return descriptors_[slot - 1].TakeUnique();
}

int ParcelBase::BorrowSlot(uint32_t slot) const {
  if (slot == 0 || slot > descriptors_.size()) return -1;
  return descriptors_[slot - 1].get();
}

}  // namespace fdrpc
