#ifndef FDRPC_GRPC_INCOMING_CALL_H_
#define FDRPC_GRPC_INCOMING_CALL_H_

#include <grpcpp/generic/async_generic_service.h>

#include <atomic>
#include <cstddef>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "fdrpc/caller.h"
#include "grpc/wire.pb.h"

namespace fdrpc::grpc {

// A call that came over gRPC and is passed on to a Caller: moves its messages,
// one at a time in each direction, so that a side that does not read holds up
// the other one. Owns itself until both calls have ended.
class IncomingCall final : public ::grpc::ServerGenericBidiReactor,
                           public std::enable_shared_from_this<IncomingCall> {
 public:
  // Borrows `context` until the call has ended, and the target and the method
  // for longer. `is_verified`: whether the name of the client's certificate is.
  // `calls` counts this one, and no longer once it has ended.
  static ::grpc::ServerGenericBidiReactor* Start(
      Caller& target, const Method& method,
      ::grpc::GenericCallbackServerContext& context, bool is_verified,
      std::shared_ptr<std::atomic<size_t>> calls);

 private:
  // What follows an event of the outgoing call. Keeps this object meanwhile.
  class Step final : public Continuation {
   public:
    explicit Step(void (IncomingCall::*then)()) : then_(then) {}
    // It follows at once if the event has occurred: no step follows itself
    // without an operation of gRPC between.
    void WaitFor(CallEvent event, IncomingCall& call);

   private:
    void Run() override;

    void (IncomingCall::*const then_)();
    std::shared_ptr<IncomingCall> call_;
  };

  IncomingCall(Caller& target, const Method& method,
               ::grpc::GenericCallbackServerContext& context, bool is_verified,
               std::shared_ptr<std::atomic<size_t>> calls);

  // Reactions of gRPC.
  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnWriteDone(bool ok) override;
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mu_);
  void OnDone() override;

  // Makes the outgoing call, with the request of a method that takes one.
  void Call(const OutgoingMessage* request) ABSL_LOCKS_EXCLUDED(mu_);
  CallOptions OptionsOfCall() const;

  // Unless the call is finished.
  void ReadNext() ABSL_LOCKS_EXCLUDED(mu_);
  void EndWith(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void TakeSingleRequest(bool ok);

  // Steps.
  void SendRequest();
  void PassHeaders();
  void PassReply();
  void PassEnd();

  Caller& target_;
  const Method& method_;
  ::grpc::GenericCallbackServerContext& context_;
  const bool is_verified_;
  const std::shared_ptr<std::atomic<size_t>> calls_;
  std::shared_ptr<IncomingCall> self_;  // until OnDone()

  // Of the reading side.
  ::grpc::ByteBuffer received_;
  wire::Opaque request_;
  bool has_request_ = false;
  // Of the writing side.
  ::grpc::ByteBuffer sent_;
  bool has_reply_ = false;

  Step send_request_{&IncomingCall::SendRequest};
  Step pass_headers_{&IncomingCall::PassHeaders};
  Step pass_reply_{&IncomingCall::PassReply};
  Step pass_end_{&IncomingCall::PassEnd};

  Mutex mu_;
  // Set once; from then on used without the lock by what follows.
  std::shared_ptr<ClientCall> call_;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace fdrpc::grpc

#endif  // FDRPC_GRPC_INCOMING_CALL_H_
