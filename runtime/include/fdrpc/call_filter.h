#ifndef FDRPC_CALL_FILTER_H_
#define FDRPC_CALL_FILTER_H_

// The common part of the calls that interceptors wrap around others: see
// client_call_filter.h and server_call_filter.h.

#include <atomic>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/call.h"
#include "fdrpc/parcel.h"
#include "google/protobuf/message_lite.h"

namespace fdrpc {

// One side of a call, a ClientCall or a ServerCall, that wraps the next one. It
// passes everything on, and has hooks for the messages.
//
// Threads: as a Call. OnSend() runs on the thread that sends and OnReceive() on
// the one that receives, so both may run at once.
template <typename End>
class CallFilter : public End {
 public:
  explicit CallFilter(std::shared_ptr<End> next) : next_(std::move(next)) {}

  // Implementation of Call. An override of Send() that drops messages returns
  // true for them, and calls HalfClose() for a client's last one; a second
  // message must wait for kRoom. A Take() that returns false ends a stream, so
  // messages that arrive can be changed and refused, but not dropped.
  bool Ready(CallEvent event) override { return next_->Ready(event); }
  void Await(CallEvent event) override { next_->Await(event); }
  void Notify(CallEvent event, Continuation& continuation) override {
    // Last, because this object may be destroyed by now.
    next_->Notify(event, continuation);
  }
  void Forget(Continuation& continuation) override {
    next_->Forget(continuation);
  }
  bool Take(IncomingMessage message) override {
    if (failure() != nullptr || !next_->Take(message)) return false;
    BeforeReceive();
    const absl::Status accepted = See(message);
    if (!accepted.ok()) EndWith(accepted);
    return accepted.ok();
  }
  bool Send(OutgoingMessage message, bool last) override {
    const absl::Status accepted = See(message);
    if (!accepted.ok()) EndWith(accepted);
    return accepted.ok() && next_->Send(message, last);
  }
  void Abort(const absl::Status& why) override { next_->Abort(why); }

 protected:
  // Called with each message that is sent, and each that arrives. An error ends
  // the call with that status. The types are those of the method:
  //
  //   auto& text = static_cast<Text&>(*message.message);
  //   auto& files = static_cast<Parcel<Files>&>(*message.parcel);
  //
  // A parcel that is sent, and everything that arrives, may be changed. A plain
  // message that is sent may be replaced by another one, such as that of
  // MakeMutable().
  virtual absl::Status OnSend(OutgoingMessage& /*message*/) {
    return absl::OkStatus();
  }
  virtual absl::Status OnReceive(IncomingMessage /*message*/) {
    return absl::OkStatus();
  }

  // Replaces a plain message by a copy, which is valid until the next one is
  // sent. A parcel's message can be changed in place.
  google::protobuf::MessageLite& MakeMutable(OutgoingMessage& message) {
    if (message.parcel != nullptr) return message.parcel->lite_message();
    copy_.reset(message.message->New());
    copy_->CheckTypeAndMergeFrom(*message.message);
    message.message = copy_.get();
    return *copy_;
  }

  End& next() { return *next_; }

  // Calls a hook, and closes the descriptors of a message that it refuses.
  template <typename Message>
  absl::Status See(Message& message) {
    absl::Status accepted;
    if constexpr (std::is_same_v<Message, OutgoingMessage>) {
      accepted = OnSend(message);
    } else {
      accepted = OnReceive(message);
    }
    if (!accepted.ok() && message.parcel != nullptr) {
      message.parcel->TakeDescriptors();
    }
    return accepted;
  }

  // Ends the call with an error of this filter; the first one counts.
  void EndWith(const absl::Status& error) {
    FailureState none = FailureState::kNone;
    if (!failure_state_.compare_exchange_strong(none,
                                                FailureState::kBeingSet)) {
      return;
    }
    failure_ = error;
    failure_state_.store(FailureState::kSet, std::memory_order_release);
    FailNext(error);
  }
  // Null if there is none.
  const absl::Status* failure() const {
    const bool failed =
        failure_state_.load(std::memory_order_acquire) == FailureState::kSet;
    return failed ? &failure_ : nullptr;
  }

 private:
  enum class FailureState { kNone, kBeingSet, kSet };

  virtual void BeforeReceive() {}
  virtual void FailNext(const absl::Status& error) = 0;

  const std::shared_ptr<End> next_;
  std::unique_ptr<google::protobuf::MessageLite> copy_;
  std::atomic<FailureState> failure_state_{FailureState::kNone};
  absl::Status failure_;
};

}  // namespace fdrpc

#endif  // FDRPC_CALL_FILTER_H_
