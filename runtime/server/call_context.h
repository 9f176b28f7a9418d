#ifndef FDRPC_SERVER_CALL_CONTEXT_H_
#define FDRPC_SERVER_CALL_CONTEXT_H_

#include <atomic>
#include <optional>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "fdrpc/metadata.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/server_context.h"

namespace fdrpc {

class IncomingCall;

// What a handler knows of its call: the call's part of it. Belongs to the call.
class CallContext final : public ServerContext {
 public:
  // Borrows `call` and `peer`.
  CallContext(IncomingCall& call, const PeerCredentials& peer,
              Metadata metadata, MonotonicTime deadline);

  MonotonicTime deadline() const { return deadline_; }
  bool past_deadline() const;

  // Cancelling has two steps, of which the first may be made under a lock and
  // the second runs callbacks that the handler registered.
  void SetCancelled(absl::Status why) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether there may be any.
  bool has_cancellation() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return stop_.has_value();
  }
  void TellCancelled() ABSL_LOCKS_EXCLUDED(mu_);

  // ServerContext.
  const Metadata& metadata() const override { return metadata_; }
  const PeerCredentials& peer() const override { return peer_; }
  absl::StatusOr<UniqueFd> OpenPeerPidfd() const override;
  absl::Duration time_remaining() const override;
  bool IsCancelled() const override {
    return cancelled_.load(std::memory_order_acquire) || past_deadline();
  }
  absl::Status cancellation_reason() const override ABSL_LOCKS_EXCLUDED(mu_);
  std::stop_token cancellation() const override ABSL_LOCKS_EXCLUDED(mu_);
  std::stop_token draining() const override;
  void StopReading() override;
  Metadata& headers() override { return headers_; }
  void SendHeaders() override;
  Metadata& trailers() override { return trailers_; }

 private:
  IncomingCall& call_;
  const PeerCredentials& peer_;
  const Metadata metadata_;
  const MonotonicTime deadline_;
  Metadata headers_;
  Metadata trailers_;
  std::atomic<bool> cancelled_{false};

  mutable Mutex mu_;
  absl::Status why_cancelled_ ABSL_GUARDED_BY(mu_);
  // Made when the handler first asks for it.
  mutable std::optional<std::stop_source> stop_ ABSL_GUARDED_BY(mu_);
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_CONTEXT_H_
