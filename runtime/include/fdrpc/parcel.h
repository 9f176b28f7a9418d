#ifndef FDRPC_PARCEL_H_
#define FDRPC_PARCEL_H_

#include <cstdint>
#include <iosfwd>
#include <string>
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
// descriptor in the parcel, and which parcel that is; slot 0 means that none is
// attached. A copy of an fdrpc.Fd names the same descriptor of the same parcel:
// in the message of another one, it names none.
template <typename Message>
class Parcel;

// Where an fdrpc.Fd stands in a message: a field, which of its elements, and in
// what field of an outer message. Borrows all of it.
class FieldPath {
 public:
  // `field` is the full name. `outer` is null in the message itself.
  FieldPath(const FieldPath* outer, const char* field)
      : outer_(outer), field_(field) {}
  // An element: by its index, or by its key in a map.
  FieldPath(const FieldPath* outer, const char* field, int32_t index)
      : outer_(outer), field_(field), kind_(Kind::kInt), number_(index) {}
  FieldPath(const FieldPath* outer, const char* field, int64_t key)
      : outer_(outer), field_(field), kind_(Kind::kInt), number_(key) {}
  FieldPath(const FieldPath* outer, const char* field, uint32_t key)
      : outer_(outer), field_(field), kind_(Kind::kInt), number_(key) {}
  FieldPath(const FieldPath* outer, const char* field, uint64_t key)
      : outer_(outer),
        field_(field),
        kind_(Kind::kUint),
        number_(static_cast<int64_t>(key)) {}
  FieldPath(const FieldPath* outer, const char* field, bool key)
      : outer_(outer), field_(field), kind_(Kind::kBool), number_(key) {}
  FieldPath(const FieldPath* outer, const char* field, const std::string& key)
      : outer_(outer), field_(field), kind_(Kind::kString), text_(&key) {}

  const FieldPath* outer() const { return outer_; }
  // The field's full name.
  const char* field() const { return field_; }
  // In words: "field a.B.files[2]"; "field a.File.content (by_name["x"].content
  // of a.B)".
  std::string ToString() const;
  // Has `fd` know that it stands here, in words of its own. `before`, if it is
  // not null, is one that may stand in the same field.
  void NotePlace(OutgoingFd& fd, const OutgoingFd* before) const;

 private:
  enum class Kind : uint8_t { kNone, kInt, kUint, kBool, kString };

  std::string Element() const;  // "[2]", or nothing

  const FieldPath* outer_;
  const char* field_;
  Kind kind_ = Kind::kNone;
  int64_t number_ = 0;
  const std::string* text_ = nullptr;
};

// What an fdrpc.Fd holds.
struct FdSlot {
  const void* fd;  // identifies it
  uint32_t slot;
  uint64_t parcel;
};

// Reads and writes the slot of each fdrpc.Fd of a message in turn.
class SlotVisitor {
 public:
  // Generated code calls it once for each fdrpc.Fd that is present. `field` is
  // the full name of the field that holds it, for error messages; `key` is the
  // index or the key of the element, if the field has several.
  template <typename Fd, typename... Key>
  void Visit(const char* field, Fd& fd, const Key&... key) {
    FdSlot slot = {&fd, fd.slot(), fd.parcel()};
    VisitSlot(FieldPath(outer_, field, key...), slot);
    if (slot.slot != fd.slot()) fd.set_slot(slot.slot);
    if (slot.parcel != fd.parcel()) fd.set_parcel(slot.parcel);
  }

  // While it lives, what is visited stands in that field of the message.
  class Inside {
   public:
    template <typename... Key>
    Inside(SlotVisitor& visitor, const char* field, const Key&... key)
        : visitor_(visitor), path_(visitor.outer_, field, key...) {
      visitor_.outer_ = &path_;
    }
    ~Inside() { visitor_.outer_ = path_.outer(); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

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
  // INVALID_ARGUMENT names the field and says what is wrong with it: nothing is
  // attached, what was attached is empty, was taken or stands in another field
  // too, or the field was copied out of another parcel; or a descriptor is
  // attached to an fdrpc.Fd in google.protobuf.Any or in a bytes field, where
  // none can travel. Afterwards TakeDescriptors() gives the set in the order of
  // slots.
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
  // What is moved from is as new.
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

  // Attaches `fd` in place of what `field` names, which is closed, or under a
  // new slot if it names nothing of this parcel, or what another field names
  // too.
  void AttachSlot(FdSlot& field, OutgoingFd fd);
  UniqueFd TakeSlot(const FdSlot& field);
  int BorrowSlot(const FdSlot& field) const;
  // Closes what `field` names, unless another field names it too.
  void CloseSlot(const FdSlot& field);

 private:
  virtual void VisitSlots(SlotVisitor& visitor) = 0;

  // The place of what `field` names; null if that is nothing of this parcel.
  OutgoingFd* Find(const FdSlot& field);
  bool OthersName(const FdSlot& field);
  bool HidesDescriptors();
  void CloseAll();

  DescriptorSet descriptors_;
  // What an fdrpc.Fd names this parcel by. 0, as in a message on the wire,
  // while it has no descriptors, or is ready to be sent.
  uint64_t id_ = 0;
};

// What GoogleTest prints of a parcel: the message, as these words, and the
// descriptors.
void PrintParcel(const ParcelBase& parcel, std::string message,
                 std::ostream* to);

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
  // UniqueFd is closed once it is sent or dropped with the parcel. Where the
  // field was copied, from another parcel or within this one, what the original
  // names stays as it is.
  template <typename Fd>
  void Attach(Fd* field, UniqueFd fd) {
    AttachFd(*field, OutgoingFd(std::move(fd)));
  }
  // The same with a descriptor that others keep: no dup(2) is made.
  template <typename Fd>
  void Attach(Fd* field, SharedFd fd) {
    AttachFd(*field, OutgoingFd(std::move(fd)));
  }

  // Moves the descriptor of `field` out. Empty if `field` has none of this
  // parcel, if it was taken before, or if it was attached as a SharedFd (which
  // is not the parcel's to give away; received descriptors never are).
  // Close-on-exec is set on all descriptors that were received.
  template <typename Fd>
  UniqueFd Take(const Fd& field) {
    return TakeSlot({&field, field.slot(), field.parcel()});
  }

  // The number of the descriptor of `field`, which stays the parcel's; -1 if it
  // has none.
  template <typename Fd>
  int Borrow(const Fd& field) const {
    return BorrowSlot({&field, field.slot(), field.parcel()});
  }

  // Closes the descriptor of `field`, if it has one. One that another field
  // names too, of which `field` is a copy, stays.
  template <typename Fd>
  void Close(const Fd& field) {
    CloseSlot({&field, field.slot(), field.parcel()});
  }

  google::protobuf::MessageLite& lite_message() final { return message_; }

 protected:
  ParcelOf() = default;
  explicit ParcelOf(Message message) : message_(std::move(message)) {}
  ParcelOf(const ParcelOf&) = delete;  // a parcel moves: std::move(parcel)
  ParcelOf& operator=(const ParcelOf&) = delete;  // likewise
  ParcelOf(ParcelOf&&) = default;
  ParcelOf& operator=(ParcelOf&&) = default;

 private:
  template <typename Fd>
  void AttachFd(Fd& field, OutgoingFd fd) {
    FdSlot slot = {&field, field.slot(), field.parcel()};
    AttachSlot(slot, std::move(fd));
    field.set_slot(slot.slot);
    field.set_parcel(slot.parcel);
  }

  Message message_;
};

template <typename Message>
void PrintTo(const Parcel<Message>& parcel, std::ostream* to) {
  PrintParcel(parcel, parcel.message().ShortDebugString(), to);
}

}  // namespace fdrpc

#endif  // FDRPC_PARCEL_H_
