#ifndef FDRPC_CALL_FILTER_H_
#define FDRPC_CALL_FILTER_H_

// What the calls that interceptors put around others have in common, on both
// sides: see client_call_filter.h and server_call_filter.h.

#include <atomic>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/call.h"
#include "fdrpc/parcel.h"
#include "google/protobuf/message_lite.h"

namespace fdrpc {

// An end of a call, a ClientCall or a ServerCall, that wraps the next one and
// hands everything on, with hooks for the messages.
//
// Threads: as a Call's. OnSend() runs on the thread that sends and OnReceive()
// on the one that receives, so both may run at once.
template <typename End>
class CallFilter : public End {
 public:
  explicit CallFilter(std::shared_ptr<End> next) : next_(std::move(next)) {}

  // Call. Who overrides Send() to drop messages returns true for them, and says
  // HalfClose() for a client's last one; a second message wants kRoom first. A
  // Take() that is false ends a stream, so messages that arrive can be changed
  // and refused, but not dropped.
  bool Ready(CallEvent event) override { return next_->Ready(event); }
  void Await(CallEvent event) override { next_->Await(event); }
  void Notify(CallEvent event, Continuation& continuation) override {
    // Nothing behind it: this object may be gone by then.
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
  // A parcel that is sent, and what arrives, may be changed; in place of a
  // plain message that is sent stands another one, such as MakeMutable() gives.
  virtual absl::Status OnSend(OutgoingMessage& /*message*/) {
    return absl::OkStatus();
  }
  virtual absl::Status OnReceive(IncomingMessage /*message*/) {
    return absl::OkStatus();
  }

  // Puts a copy in place of a plain message, which is valid until the next one
  // is sent; a parcel's message can be changed as it is.
  google::protobuf::MessageLite& MakeMutable(OutgoingMessage& message) {
    if (message.parcel != nullptr) return message.parcel->lite_message();
    copy_.reset(message.message->New());
    copy_->CheckTypeAndMergeFrom(*message.message);
    message.message = copy_.get();
    return *copy_;
  }

  End& next() { return *next_; }

  // The hooks, and the closing of what they refuse.
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

  // Ends the call with an error of this filter's; the first one counts.
  void EndWith(const absl::Status& error) {
    Failing none = Failing::kNot;
    if (!failing_.compare_exchange_strong(none, Failing::kBegins)) return;
    failure_ = error;
    failing_.store(Failing::kFailed, std::memory_order_release);
    FailNext(error);
  }
  // Null if there is none.
  const absl::Status* failure() const {
    const bool failed =
        failing_.load(std::memory_order_acquire) == Failing::kFailed;
    return failed ? &failure_ : nullptr;
  }

 private:
  enum class Failing { kNot, kBegins, kFailed };

  virtual void BeforeReceive() {}
  virtual void FailNext(const absl::Status& error) = 0;

  const std::shared_ptr<End> next_;
  std::unique_ptr<google::protobuf::MessageLite> copy_;
  std::atomic<Failing> failing_{Failing::kNot};
  absl::Status failure_;
};

}  // namespace fdrpc

#endif  // FDRPC_CALL_FILTER_H_
