#ifndef FDRPC_SERVER_CALL_CONTEXT_H_
#define FDRPC_SERVER_CALL_CONTEXT_H_

#include <memory>
#include <stop_token>

#include "base/monotonic_time.h"
#include "fdrpc/metadata.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/remote_peer.h"
#include "fdrpc/server_context.h"
#include "server/call_environment.h"
#include "server/handler_stop.h"

namespace fdrpc {

class IncomingCall;

// The call's implementation of ServerContext, which a handler sees. Belongs to
// the call.
class CallContext final : public ServerContext {
 public:
  // Borrows `call` and `environment`.
  CallContext(IncomingCall& call, const CallEnvironment& environment,
              Metadata metadata, MonotonicTime deadline);

  MonotonicTime deadline() const { return deadline_; }
  bool past_deadline() const;

  // Once. Cancelling has two steps: the first may be made under a lock, and the
  // second makes the callbacks run that the handler registered. `call`, which
  // has this object, stays for that time.
  void SetCancelled(absl::Status why);
  void PostCancelled(const std::weak_ptr<const void>& call) {
    cancelled_.PostCallbacks(environment_.executor, call);
  }

  // Implementation of ServerContext.
  const Metadata& metadata() const override { return metadata_; }
  const PeerCredentials& peer() const override;
  const RemotePeer* remote_peer() const override { return remote_.get(); }
  absl::StatusOr<UniqueFd> OpenPeerPidfd() const override;
  absl::Duration time_remaining() const override;
  bool IsCancelled() const override {
    return cancelled_.is_set() || past_deadline();
  }
  absl::Status cancellation_reason() const override;
  std::stop_token cancellation() const override { return cancelled_.token(); }
  std::stop_token draining() const override {
    return environment_.draining.token();
  }
  void StopReading() override;
  Metadata& headers() override { return headers_; }
  void SendHeaders() override;
  Metadata& trailers() override { return trailers_; }
  ClientOffer* client_offer() override {
    return environment_.offer == nullptr ? nullptr : environment_.offer->get();
  }

 private:
  IncomingCall& call_;
  const CallEnvironment& environment_;
  const Metadata metadata_;
  const MonotonicTime deadline_;
  const std::unique_ptr<const RemotePeer> remote_;  // mostly null
  Metadata headers_;
  Metadata trailers_;
  absl::Status why_cancelled_;  // constant once cancelled_ is set
  mutable HandlerStop cancelled_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_CONTEXT_H_
