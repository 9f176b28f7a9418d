#ifndef FDRPC_PARCEL_H_
#define FDRPC_PARCEL_H_

#include <cstdint>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "fdrpc/descriptor_info.h"
#include "fdrpc/descriptor_set.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/internal/slot_visitor.h"
#include "fdrpc/shared_fd.h"
#include "fdrpc/unique_fd.h"
#include "google/protobuf/message_lite.h"

namespace fdrpc {

// A message and the descriptors that travel with it. Defined only for message
// types that contain an fdrpc.Fd at any depth: the generated .fdrpc.h of the
// file that defines such a type specialises it, with typed accessors for the
// type's direct fields. All other types are sent as plain messages.
//
// Every fdrpc.Fd in the message has a slot, the 1-based number of its
// descriptor in the parcel, and the id of that parcel; slot 0 means that none
// is attached. A copy of an fdrpc.Fd refers to the same descriptor of the same
// parcel. In the message of another parcel it refers to none.
template <typename Message>
class Parcel;

// The common part of all parcels, which the runtime uses. Threads: like a
// container; not safe for concurrent use of one object.
class FDRPC_API ParcelBase {
 public:
  // Does not wait for descriptors to be closed (CloseInBackground()), because
  // they may be a peer's.
  virtual ~ParcelBase() { CloseDescriptors(); }

  virtual google::protobuf::MessageLite& lite_message() = 0;

  // Prepares the parcel to be sent: each fdrpc.Fd that is present refers to
  // exactly one attached, open descriptor, and the slots count from 1 without a
  // gap. Descriptors that the message no longer refers to are closed.
  // INVALID_ARGUMENT names the field and says what is wrong: nothing is
  // attached, what was attached is empty, was taken or is also in another
  // field, or the field was copied out of another parcel; the field's rules
  // (fdrpc.FdRules) are broken; or a descriptor is attached to an fdrpc.Fd in
  // google.protobuf.Any or in a bytes field, where none can travel. Where this
  // process cannot find out whether a rule is kept: FAILED_PRECONDITION (/proc
  // is missing, or a call is denied) or RESOURCE_EXHAUSTED. Afterwards
  // TakeDescriptors() gives the set in the order of slots.
  absl::Status PrepareToSend();

  // Takes over the set that arrived with the message, which has been parsed
  // into lite_message(). Each slot must be in range and used exactly once;
  // otherwise INTERNAL. If the fields' rules are broken, the errors of
  // PrepareToSend(). After an error the set is closed.
  absl::Status Accept(DescriptorSet descriptors);

  // What the message's fdrpc.Fds refer to, in the order of the fields, with one
  // entry for each that is present. It costs some system calls for each, which
  // wait for no peer, but for drivers of character devices (CUSE). For records;
  // the descriptors stay in the parcel. Before the message is sent and after it
  // was received, not after PrepareToSend().
  std::vector<DescriptorInfo> ListDescriptors() const;

  // The attached descriptors; that of slot n is at n - 1, and is empty if it
  // was taken. For code that does not know the message's type: it may look at
  // them and replace them, but not add or remove elements.
  DescriptorSet& descriptors() { return descriptors_; }

  // Moves the set out; the parcel has none then.
  DescriptorSet TakeDescriptors() {
    id_ = 0;
    return std::exchange(descriptors_, {});
  }
  // Closes what is attached, as the destructor does.
  void CloseDescriptors() {
    if (!descriptors_.empty()) CloseAll();
  }

 protected:
  ParcelBase() = default;
  // A moved-from parcel is like a new one.
  ParcelBase(ParcelBase&& other) noexcept
      : descriptors_(std::exchange(other.descriptors_, {})),
        id_(std::exchange(other.id_, 0)) {}
  ParcelBase& operator=(ParcelBase&& other) noexcept {
    if (this == &other) return *this;
    CloseDescriptors();
    descriptors_ = std::exchange(other.descriptors_, {});
    id_ = std::exchange(other.id_, 0);
    return *this;
  }

  // Attaches `fd`. If `field` refers to a descriptor of this parcel that no
  // other field refers to, `fd` replaces that, which is closed. Otherwise
  // `field` gets a new slot.
  void AttachSlot(internal::FdSlot& field, AttachedFd fd);
  UniqueFd TakeSlot(const internal::FdSlot& field);
  int BorrowSlot(const internal::FdSlot& field) const;
  // Closes the descriptor of `field`, unless another field refers to it too.
  void CloseSlot(const internal::FdSlot& field);
  // Closes the descriptors that fields had which the message has no more,
  // unless another field refers to them.
  void CloseSlots(const std::vector<internal::FdSlot>& removed);

 private:
  virtual void VisitSlots(internal::SlotVisitor& visitor) = 0;

  // The descriptor of `field`; null if it is none of this parcel.
  AttachedFd* Find(const internal::FdSlot& field);
  bool OthersName(const internal::FdSlot& field);
  bool HidesDescriptors();
  void CloseAll();

  DescriptorSet descriptors_;
  // The id by which an fdrpc.Fd refers to this parcel. 0, as in a message on
  // the wire, while the parcel has no descriptors, or is ready to be sent.
  uint64_t id_ = 0;
};

namespace internal {

// What GoogleTest prints of a parcel: the message, in these words, and the
// descriptors.
FDRPC_API void PrintParcel(const ParcelBase& parcel, std::string message,
                           std::ostream* to);

}  // namespace internal

// The part of Parcel<Message> that is the same for every type; generated
// specialisations derive from it. Owns the message and its descriptors, and
// closes those that nobody takes. Movable, not copyable.
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

  // Attaches a descriptor to an fdrpc.Fd anywhere in this parcel's message, and
  // closes the one that it had. A UniqueFd is closed once it is sent, or with
  // the parcel. If the field is a copy, from another parcel or within this one,
  // the original's descriptor stays as it is.
  template <typename Fd>
  void Attach(Fd* field, UniqueFd fd) {
    AttachFd(*field, AttachedFd(std::move(fd)));
  }
  // The same with a descriptor that others keep; without a dup(2).
  template <typename Fd>
  void Attach(Fd* field, SharedFd fd) {
    AttachFd(*field, AttachedFd(std::move(fd)));
  }

  // Moves the descriptor of `field` out. Empty if `field` has none of this
  // parcel, if it was taken before, or if it was attached as a SharedFd (which
  // the parcel does not own alone; received descriptors never are). All
  // received descriptors have close-on-exec set.
  template <typename Fd>
  UniqueFd Take(const Fd& field) {
    return TakeSlot(SlotOf(field));
  }

  // The number of the descriptor of `field`, which the parcel keeps; -1 if it
  // has none.
  template <typename Fd>
  int Borrow(const Fd& field) const {
    return BorrowSlot(SlotOf(field));
  }

  // Closes the descriptor of `field`, if it has one. If `field` is a copy, and
  // another field refers to the same descriptor, that stays open.
  template <typename Fd>
  void Close(const Fd& field) {
    CloseSlot(SlotOf(field));
  }

  google::protobuf::MessageLite& lite_message() final { return message_; }

 protected:
  ParcelOf() = default;
  explicit ParcelOf(Message message) : message_(std::move(message)) {}
  ParcelOf(const ParcelOf&) = delete;  // move a parcel: std::move(parcel)
  ParcelOf& operator=(const ParcelOf&) = delete;  // likewise
  ParcelOf(ParcelOf&&) = default;
  ParcelOf& operator=(ParcelOf&&) = default;

  // The slots of a repeated field or a map.
  template <typename Elements>
  static std::vector<internal::FdSlot> SlotsOf(const Elements& elements) {
    std::vector<internal::FdSlot> slots;
    for (const auto& element : elements) {
      if constexpr (requires { element.second; }) {
        slots.push_back(SlotOf(element.second));
      } else {
        slots.push_back(SlotOf(element));
      }
    }
    return slots;
  }

 private:
  template <typename Fd>
  static internal::FdSlot SlotOf(const Fd& field) {
    return {&field, field.slot(), field.parcel()};
  }

  template <typename Fd>
  void AttachFd(Fd& field, AttachedFd fd) {
    internal::FdSlot slot = SlotOf(field);
    AttachSlot(slot, std::move(fd));
    field.set_slot(slot.slot);
    field.set_parcel(slot.parcel);
  }

  Message message_;
};

template <typename Message>
void PrintTo(const Parcel<Message>& parcel, std::ostream* to) {
  internal::PrintParcel(parcel, parcel.message().ShortDebugString(), to);
}

}  // namespace fdrpc

#endif  // FDRPC_PARCEL_H_
