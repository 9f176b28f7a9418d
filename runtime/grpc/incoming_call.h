#ifndef FDRPC_GRPC_INCOMING_CALL_H_
#define FDRPC_GRPC_INCOMING_CALL_H_

#include <grpcpp/generic/async_generic_service.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "grpc/passed_call.h"

namespace fdrpc::grpc {

// A call that came over gRPC and is passed on to a Caller. Owns itself until
// both calls have ended.
class IncomingCall final : public ::grpc::ServerGenericBidiReactor,
                           public PassedCall {
 public:
  // Borrows `context` until the call has ended, and the target and the method
  // for longer. `is_verified`: whether the name of the client's certificate is.
  // `calls` counts this one, and no longer once it has ended.
  static ::grpc::ServerGenericBidiReactor* Start(
      Caller& target, const Method& method,
      ::grpc::GenericCallbackServerContext& context, bool is_verified,
      std::shared_ptr<std::atomic<size_t>> calls);

 private:
  IncomingCall(Caller& target, const Method& method,
               ::grpc::GenericCallbackServerContext& context, bool is_verified,
               std::shared_ptr<std::atomic<size_t>> calls);

  // Reactions of gRPC.
  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnWriteDone(bool ok) override;
  void OnCancel() override { cancelled_.request_stop(); }
  void OnDone() override;

  // Implementation of PassedCall. Does nothing once the call is finished.
  void TakeRequest() override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<OutgoingMessage> Request() override;
  void SendHeaders(const Metadata& headers, bool at_once) override;
  void SendReply(const wire::Opaque& reply) override;
  void End(absl::Status status, const Metadata& trailers,
           const wire::Opaque* reply) override ABSL_LOCKS_EXCLUDED(mu_);

  CallOptions OptionsOfCall() const;
  void TakeSingleRequest(bool ok);
  void EndWith(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  Caller& target_;
  ::grpc::GenericCallbackServerContext& context_;
  const bool is_verified_;
  const std::shared_ptr<std::atomic<size_t>> calls_;
  std::shared_ptr<IncomingCall> self_;  // until OnDone()
  std::stop_source cancelled_;          // by the client

  // Of the reading side.
  ::grpc::ByteBuffer received_;
  wire::Opaque request_;
  bool has_request_ = false;
  // Of the writing side.
  ::grpc::ByteBuffer sent_;

  Mutex mu_;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace fdrpc::grpc

#endif  // FDRPC_GRPC_INCOMING_CALL_H_
