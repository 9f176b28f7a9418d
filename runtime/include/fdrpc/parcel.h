#ifndef FDRPC_PARCEL_H_
#define FDRPC_PARCEL_H_

#include <cstdint>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/descriptor_set.h"
#include "fdrpc/shared_fd.h"
#include "fdrpc/unique_fd.h"
#include "google/protobuf/message_lite.h"

namespace fdrpc {

// A message and the descriptors that travel with it. Only defined for message
// types that contain an fdrpc.Fd at any depth: the generated .fdrpc.h of the
// file that defines such a type specialises it, with typed accessors for the
// type's direct fields. All other types are sent as plain messages.
//
// Every fdrpc.Fd in the message holds a slot, the 1-based number of its
// descriptor in the parcel; slot 0 means that none is attached.
template <typename Message>
class Parcel;

// Reads and writes the slot of each fdrpc.Fd of a message in turn.
class SlotVisitor {
 public:
  // Generated code calls it once for each fdrpc.Fd that is present. `field` is
  // the full name of the field that holds it, for error messages.
  template <typename Fd>
  void Visit(const char* field, Fd& fd) {
    uint32_t slot = fd.slot();
    uint32_t changed = VisitSlot(field, slot);
    if (changed != slot) fd.set_slot(changed);
  }

 protected:
  ~SlotVisitor() = default;

 private:
  virtual uint32_t VisitSlot(const char* field, uint32_t slot) = 0;
};

// What all parcels have in common; the runtime handles them through it.
// Threads: like a container; not safe for concurrent use of one object.
class ParcelBase {
 public:
  // Does not wait for descriptors to be closed (CloseInBackground()): they may
  // be a peer's.
  virtual ~ParcelBase() { CloseDescriptors(); }

  virtual google::protobuf::MessageLite& lite_message() = 0;

  // Makes the parcel ready to be sent: each fdrpc.Fd that is present names
  // exactly one attached, open descriptor, and the slots run from 1 without a
  // gap. Descriptors that the message no longer names are closed.
  // INVALID_ARGUMENT names the field that has none attached, shares its slot
  // with another, or whose descriptor is empty. Afterwards TakeDescriptors()
  // gives the set in the order of slots.
  absl::Status PrepareToSend();

  // Takes over the set that arrived with the message, which has been parsed
  // into lite_message(). Each slot must be in range and used exactly once;
  // otherwise INTERNAL, and the set is closed.
  absl::Status Accept(DescriptorSet descriptors);

  // The attached descriptors; that of slot n stands at n - 1, an empty one if
  // it was taken. For those who do not know the message's type: to look at, and
  // to put others in their places, not to add or remove places.
  DescriptorSet& descriptors() { return descriptors_; }

  // Moves the set out, leaving the parcel with none.
  DescriptorSet TakeDescriptors() { return std::exchange(descriptors_, {}); }
  // Closes what is attached, as the destructor does.
  void CloseDescriptors() {
    if (!descriptors_.empty()) Close(TakeDescriptors());
  }

 protected:
  ParcelBase() = default;
  ParcelBase(ParcelBase&& other) noexcept
      : descriptors_(other.TakeDescriptors()) {}
  ParcelBase& operator=(ParcelBase&& other) noexcept {
    if (this != &other) {
      CloseDescriptors();
      descriptors_ = other.TakeDescriptors();
    }
    return *this;
  }

  // Attaches `fd` in place of what `old_slot` holds, which is closed, or under
  // a new slot if it holds nothing; returns the slot.
  uint32_t AttachSlot(uint32_t old_slot, OutgoingFd fd);
  UniqueFd TakeSlot(uint32_t slot);
  int BorrowSlot(uint32_t slot) const;

 private:
  virtual void VisitSlots(SlotVisitor& visitor) = 0;

  static void Close(DescriptorSet descriptors);

  DescriptorSet descriptors_;
};

template <typename T>
inline constexpr bool kIsParcel = std::is_base_of_v<ParcelBase, T>;

// The part of Parcel<Message> that is the same for every type; generated
// specialisations derive from it. Owns the message and its descriptors. What
// nobody takes is closed with it. Moves, never copies.
template <typename Message>
class ParcelOf : public ParcelBase {
 public:
  // The message. Changing a field of type fdrpc.Fd directly does not attach a
  // descriptor to it.
  Message& operator*() { return message_; }
  const Message& operator*() const { return message_; }
  Message* operator->() { return &message_; }
  const Message* operator->() const { return &message_; }
  Message& message() { return message_; }
  const Message& message() const { return message_; }

  // Attaches a descriptor to an fdrpc.Fd that stands anywhere in this parcel's
  // message, in place of the one that it may have had, which is closed. A
  // UniqueFd is closed once it is sent or dropped with the parcel.
  template <typename Fd>
  void Attach(Fd* field, UniqueFd fd) {
    field->set_slot(AttachSlot(field->slot(), OutgoingFd(std::move(fd))));
  }
  // The same with a descriptor that others keep: no dup(2) is made.
  template <typename Fd>
  void Attach(Fd* field, SharedFd fd) {
    field->set_slot(AttachSlot(field->slot(), OutgoingFd(std::move(fd))));
  }

  // Moves the descriptor of `field` out. Empty if `field` has none, if it was
  // taken before, or if it was attached as a SharedFd (which is not the
  // parcel's to give away; received descriptors never are). Close-on-exec is
  // set on all descriptors that were received.
  template <typename Fd>
  UniqueFd Take(const Fd& field) {
    return TakeSlot(field.slot());
  }

  // The number of the descriptor of `field`, which stays the parcel's; -1 if it
  // has none.
  template <typename Fd>
  int Borrow(const Fd& field) const {
    return BorrowSlot(field.slot());
  }

  google::protobuf::MessageLite& lite_message() final { return message_; }

 protected:
  ParcelOf() = default;
  explicit ParcelOf(Message message) : message_(std::move(message)) {}
  ParcelOf(ParcelOf&&) = default;
  ParcelOf& operator=(ParcelOf&&) = default;

 private:
  Message message_;
};

}  // namespace fdrpc

#endif  // FDRPC_PARCEL_H_
