#ifndef FDRPC_INTERNAL_CALL_MESSAGE_H_
#define FDRPC_INTERNAL_CALL_MESSAGE_H_

// The owners of the requests and replies of a server's calls.

#include <memory>
#include <type_traits>
#include <utility>

#include "fdrpc/call.h"
#include "fdrpc/internal/kept_messages.h"
#include "fdrpc/internal/message_owner.h"
#include "fdrpc/parcel.h"
#include "google/protobuf/message_lite.h"

namespace fdrpc::internal {

template <typename T>
inline constexpr bool kIsParcel = std::is_base_of_v<ParcelBase, T>;

// The message of a message or parcel.
template <typename T>
auto& PlainMessage(T& message) {
  if constexpr (kIsParcel<T>) {
    return message.message();
  } else {
    return message;
  }
}
template <typename T>
using PlainMessageOf =
    std::remove_reference_t<decltype(PlainMessage(std::declval<T&>()))>;

// Owns the single request or reply of a server's call, a message or parcel.
// Large ones reuse the memory of former calls (KeptMessages), and leave theirs
// to later ones.
//
// Threads: like a container.
template <typename T>
class CallMessage final : public MessageOwner {
  using Plain = PlainMessageOf<T>;

 public:
  CallMessage() = default;
  ~CallMessage() { LetGo(); }
  CallMessage(const CallMessage&) = delete;
  CallMessage& operator=(const CallMessage&) = delete;

  T& operator*() { return value_; }

  // To be parsed into, while it is empty.
  IncomingMessage incoming() {
    IncomingMessage message(value_);
    message.owner = this;
    return message;
  }
  // To be sent, which may empty it.
  OutgoingMessage outgoing() {
    OutgoingMessage message(value_);
    message.owner = this;
    return message;
  }

  // Takes kept memory for the type, if there is some, while the message is
  // empty: a reply may become large.
  void UseKept() {
    if constexpr (KeepableMessage<Plain>) {
      kept_ = KeptMessage<Plain>::Take();
      if (kept_ != nullptr) plain().Swap(&kept_->message);
    }
  }

  // Closes the descriptors that are left.
  void CloseDescriptors() {
    if constexpr (kIsParcel<T>) value_.CloseDescriptors();
  }
  // The call does not need it any more: closes the descriptors that are left,
  // and leaves the memory to other calls. Further calls do nothing.
  void LetGo() {
    CloseDescriptors();
    if constexpr (KeepableMessage<Plain>) {
      if (kept_ == nullptr) return;
      plain().Swap(&kept_->message);
      KeptMessage<Plain>::Keep(std::move(kept_), large_);
    }
  }

  // Implementation of MessageOwner.
  const google::protobuf::MessageLite& owned() override { return plain(); }
  void ExpectLarge() override {
    if constexpr (KeepableMessage<Plain>) {
      large_ = true;
      UseKept();
      if (kept_ == nullptr) kept_ = std::make_unique<KeptMessage<Plain>>();
    }
  }
  std::shared_ptr<const google::protobuf::MessageLite> Share() override {
    if constexpr (KeepableMessage<Plain>) {
      const bool large = static_cast<size_t>(plain().GetCachedSize()) >=
                         KeptMessages::kLeastBytes;
      if (kept_ == nullptr) kept_ = std::make_unique<KeptMessage<Plain>>();
      plain().Swap(&kept_->message);
      const std::shared_ptr<KeptMessage<Plain>> shared(
          kept_.release(), [large](KeptMessage<Plain>* kept) {
            KeptMessage<Plain>::Keep(std::unique_ptr<KeptMessage<Plain>>(kept),
                                     large);
          });
      return {shared, &shared->message};
    } else {
      return std::make_shared<const Plain>(std::move(plain()));
    }
  }

 private:
  Plain& plain() { return PlainMessage(value_); }

  struct NotKept {};
  template <typename Message>
  struct KeptPart {
    using Pointer = NotKept;
  };
  template <KeepableMessage Message>
  struct KeptPart<Message> {
    // The part of the former call's message that is not the memory of value_.
    using Pointer = std::unique_ptr<KeptMessage<Message>>;
  };

  T value_;
  [[no_unique_address]] typename KeptPart<Plain>::Pointer kept_;
  bool large_ = false;
};

// Makes a message or parcel that was passed by value the owned message of a
// send. Borrows it.
template <typename T>
class MovedMessage final : public MessageOwner {
 public:
  explicit MovedMessage(T& message) : message_(message) {}

  OutgoingMessage outgoing() {
    OutgoingMessage message(message_);
    message.owner = this;
    return message;
  }

  // Implementation of MessageOwner.
  const google::protobuf::MessageLite& owned() override {
    return PlainMessage(message_);
  }
  void ExpectLarge() override {}
  std::shared_ptr<const google::protobuf::MessageLite> Share() override {
    using Plain = PlainMessageOf<T>;
    return std::make_shared<const Plain>(std::move(PlainMessage(message_)));
  }

 private:
  T& message_;
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_CALL_MESSAGE_H_
