#ifndef FDRPC_GRPC_INCOMING_CALL_H_
#define FDRPC_GRPC_INCOMING_CALL_H_

#include <grpcpp/generic/async_generic_service.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
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
  // What all calls of a service have.
  struct Terms {
    std::shared_ptr<Caller> target;
    bool is_verified;  // the name of a client's certificate
    // Counts calls that have not ended.
    std::shared_ptr<std::atomic<size_t>> calls;
    std::stop_token server_ends;             // its calls, too
    std::stop_token server_waits_no_longer;  // for clients to notice
  };

  // Borrows `context` until the call has ended. `terms.calls` counts this one,
  // and no longer once it has ended.
  static ::grpc::ServerGenericBidiReactor* Start(
      Terms terms, std::shared_ptr<const Method> method,
      ::grpc::GenericCallbackServerContext& context);

 private:
  struct EndWithServer {
    IncomingCall& call;
    void operator()() const { call.OnServerEnds(); }
  };
  struct Cut {
    IncomingCall& call;
    void operator()() const { call.context_.TryCancel(); }
  };

  IncomingCall(Terms terms, std::shared_ptr<const Method> method,
               ::grpc::GenericCallbackServerContext& context);

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

  // Makes the outgoing call, unless this one is finished.
  void BeginOnce(const OutgoingMessage* request) ABSL_LOCKS_EXCLUDED(mu_);
  CallOptions OptionsOfCall() const;
  // What was received.
  absl::Status ParseRequest();
  void TakeSingleRequest(bool ok) ABSL_LOCKS_EXCLUDED(mu_);
  // Unless it is finished.
  void EndWith(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void OnServerEnds() ABSL_LOCKS_EXCLUDED(mu_);

  const Terms terms_;
  const std::shared_ptr<const Method> method_;
  ::grpc::GenericCallbackServerContext& context_;
  std::shared_ptr<IncomingCall> self_;  // until OnDone()
  std::stop_source cancelled_;          // by the client

  // Of the reading side.
  ::grpc::ByteBuffer received_;
  wire::Opaque request_;
  bool has_request_ = false;
  // Of the writing side.
  ::grpc::ByteBuffer sent_;

  Mutex mu_;
  bool begun_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;

  std::optional<std::stop_callback<EndWithServer>> end_with_server_;
  std::optional<std::stop_callback<Cut>> cut_;
};

}  // namespace fdrpc::grpc

#endif  // FDRPC_GRPC_INCOMING_CALL_H_
