#ifndef FDRPC_GRPC_FORWARDED_CALL_H_
#define FDRPC_GRPC_FORWARDED_CALL_H_

#include <functional>
#include <memory>

#include "fdrpc/caller.h"
#include "fdrpc/dynamic_parcel.h"
#include "fdrpc/server_call.h"
#include "grpc/wire.pb.h"

namespace fdrpc::grpc {

// A call of a server that is passed on to a Caller: moves its messages, one at
// a time in each direction, so that a side that does not read holds up the
// other one. Lives until both calls have ended.
class ForwardedCall final : public std::enable_shared_from_this<ForwardedCall> {
 public:
  // A place for a request with descriptors; null if it cannot have any.
  using NewRequest = std::function<std::unique_ptr<DynamicParcel>()>;

  // Borrows `target` and `method` until the call has ended.
  static void Start(std::shared_ptr<ServerCall> from, Caller& target,
                    const Method& method, NewRequest new_request);

 private:
  // A message of either kind.
  struct Request {
    explicit Request(std::unique_ptr<DynamicParcel> with_descriptors)
        : parcel(std::move(with_descriptors)) {}
    IncomingMessage incoming() {
      return parcel == nullptr ? IncomingMessage(plain)
                               : IncomingMessage(*parcel);
    }
    OutgoingMessage outgoing() {
      return parcel == nullptr ? OutgoingMessage(plain)
                               : OutgoingMessage(*parcel);
    }

    std::unique_ptr<DynamicParcel> parcel;
    wire::Opaque plain;
  };

  // What follows an event of one of the calls. Keeps this object meanwhile.
  class Step final : public Continuation {
   public:
    explicit Step(void (ForwardedCall::*then)()) : then_(then) {}
    void WaitFor(Call& call, CallEvent event, ForwardedCall& forwarded);

   private:
    void Run() override;

    void (ForwardedCall::*const then_)();
    std::shared_ptr<ForwardedCall> kept_;
  };

  ForwardedCall(std::shared_ptr<ServerCall> from, const Method& method,
                NewRequest new_request);

  void Begin(Caller& target);

  // Steps.
  void TakeRequest();
  void SendRequest();
  void PassHeaders();
  void TakeReply();
  void SendReply();
  void PassEnd();

  const std::shared_ptr<ServerCall> from_;
  const Method& method_;
  const NewRequest new_request_;
  std::shared_ptr<ClientCall> to_;
  std::unique_ptr<Request> request_;  // a stream's, while it is passed on
  wire::Opaque reply_;
  bool has_reply_ = false;

  Step take_request_{&ForwardedCall::TakeRequest};
  Step send_request_{&ForwardedCall::SendRequest};
  Step pass_headers_{&ForwardedCall::PassHeaders};
  Step take_reply_{&ForwardedCall::TakeReply};
  Step send_reply_{&ForwardedCall::SendReply};
  Step pass_end_{&ForwardedCall::PassEnd};
};

}  // namespace fdrpc::grpc

#endif  // FDRPC_GRPC_FORWARDED_CALL_H_
