#ifndef FDRPC_GRPC_PASSED_CALL_H_
#define FDRPC_GRPC_PASSED_CALL_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/caller.h"
#include "fdrpc/metadata.h"
#include "grpc/wire.pb.h"

namespace fdrpc::grpc {

// A call that comes in on one side, which a derived class knows, and is made
// again on the other one, which is a Caller. Moves messages, one at a time in
// each direction, so that a side that does not read holds up the other one.
// Lives until both calls have ended.
class PassedCall : public std::enable_shared_from_this<PassedCall> {
 protected:
  // What follows an event of one of the calls. Keeps this object meanwhile.
  class Step final : public Continuation {
   public:
    template <typename Derived>
    explicit Step(void (Derived::*then)())
        : then_(static_cast<void (PassedCall::*)()>(then)) {}
    void WaitFor(Call& call, CallEvent event, PassedCall& passed);
    // It follows at once if the event has occurred, so that no step may follow
    // itself with these waits alone.
    void WaitOrContinue(Call& call, CallEvent event, PassedCall& passed);

   private:
    void Run() override;

    void (PassedCall::*const then_)();
    std::shared_ptr<PassedCall> kept_;
  };

  // Borrows `method` until the call has ended.
  explicit PassedCall(const Method& method) : method_(method) {}
  virtual ~PassedCall() = default;

  // Makes the outgoing call, with the request of a method that takes one.
  void Begin(Caller& target, const OutgoingMessage* request,
             const CallOptions& options);
  // What follows TakeRequest(): there is a request, or the client has sent all.
  void PassRequest();
  void HalfClose() { to_->HalfClose(); }
  // What follows SendReply(): the client takes further ones, or none, because
  // of `why`.
  void PassNextReply();
  void StopReplies(const absl::Status& why);

 private:
  // The side where the call came in.

  // Takes the next request of a stream, when there is one.
  virtual void TakeRequest() = 0;
  // The request that was taken, borrowed until TakeRequest().
  virtual absl::StatusOr<OutgoingMessage> Request() = 0;
  // At once, or with what follows.
  virtual void SendHeaders(const Metadata& headers, bool at_once) = 0;
  // Sends a reply of a stream, when there is room.
  virtual void SendReply(const wire::Opaque& reply) = 0;
  // `reply`: the single one of a method that has one, if the status is OK.
  virtual void End(absl::Status status, const Metadata& trailers,
                   const wire::Opaque* reply) = 0;

  // Steps.
  void SendRequest();
  void PassHeaders();
  void TakeReply();
  void PassEnd();

  const Method& method_;
  std::shared_ptr<ClientCall> to_;
  wire::Opaque reply_;
  bool has_reply_ = false;

  Step send_request_{&PassedCall::SendRequest};
  Step pass_headers_{&PassedCall::PassHeaders};
  Step take_reply_{&PassedCall::TakeReply};
  Step pass_end_{&PassedCall::PassEnd};
};

}  // namespace fdrpc::grpc

#endif  // FDRPC_GRPC_PASSED_CALL_H_
