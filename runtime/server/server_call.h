#ifndef FDRPC_SERVER_SERVER_CALL_H_
#define FDRPC_SERVER_SERVER_CALL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "call/message_assembler.h"
#include "connection/frame_builder.h"
#include "fdrpc/metadata.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/server_context.h"
#include "fdrpc/service.h"
#include "server/service_registry.h"

namespace fdrpc {

// One call that a server serves, from its open frame to its status. Shared by
// the connection's table, as long as the client waits for the call, and the
// thread that runs its handler.
class ServerCall final : private ServerContext, private UnaryServerCall {
 public:
  // The connection that the call came on.
  class Origin {
   public:
    virtual const PeerCredentials& peer() const = 0;
    virtual const Hello& client_limits() const = 0;
    // Sends the end of the call, unless the call has ended otherwise.
    virtual void SendEnd(uint32_t call_id, OutgoingFrames frames) = 0;
    // The call is gone, and what it held with it.
    virtual void OnCallGone(const ServerCall& call) = 0;

   protected:
    ~Origin() = default;
  };

  ServerCall(std::shared_ptr<Origin> origin, uint32_t id,
             RegisteredMethod method, MessageLimits request_limits,
             MonotonicTime deadline, Metadata metadata);
  ~ServerCall() override;

  uint32_t id() const { return id_; }

  // Runs the handler on this thread, once the request is complete, and sends
  // what it returns.
  void Run();

  // The client waits for it no more. From any thread; runs callbacks that the
  // handler registered.
  void Cancel();

  // The connection's reader's, until the request is complete and Run() begins.
  MessageAssembler& request() { return request_; }
  bool half_closed = false;
  MonotonicTime begun;  // when its first frame came
  // What the call makes the server hold: the connection's account of it.
  size_t held_bytes = 0;
  size_t held_descriptors = 0;

 private:
  // ServerContext.
  const Metadata& metadata() const override { return metadata_; }
  const PeerCredentials& peer() const override { return origin_->peer(); }
  absl::Duration time_remaining() const override;
  bool IsCancelled() const override;
  std::stop_token cancellation() const override ABSL_LOCKS_EXCLUDED(mu_);
  Metadata& headers() override { return headers_; }
  Metadata& trailers() override { return trailers_; }

  // UnaryServerCall.
  ServerContext& context() override { return *this; }
  absl::Status TakeRequest(IncomingMessage request) override;
  void FinishOk(OutgoingMessage reply) override;
  void FinishError(absl::Status status) override;

  void SendStatus(absl::Status status,
                  const google::protobuf::MessageLite* reply,
                  DescriptorSet descriptors);

  const std::shared_ptr<Origin> origin_;
  const uint32_t id_;
  const RegisteredMethod method_;
  const MonotonicTime deadline_;
  const Metadata metadata_;
  MessageAssembler request_;
  Metadata headers_;
  Metadata trailers_;

  std::atomic<bool> cancelled_{false};
  mutable Mutex mu_;
  // Made when the handler first asks for it.
  mutable std::optional<std::stop_source> stop_ ABSL_GUARDED_BY(mu_);
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVER_CALL_H_
