#ifndef FDRPC_CLIENT_RECONNECTOR_H_
#define FDRPC_CLIENT_RECONNECTOR_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/monotonic_time.h"
#include "client/channel_lock.h"
#include "client/client_connection.h"
#include "client/connection_waits.h"
#include "client/connectivity.h"
#include "fdrpc/channel.h"
#include "transport/transport.h"

namespace fdrpc {

// Has the connection that new calls of a channel go to: makes one when there is
// none, tells the channel's state what became of that, and keeps who waits for
// the next attempt. Has no thread and no timer: who waits makes the attempt.
class Reconnector {
 public:
  // Makes a connected transport, without blocking; null if the server is there,
  // but too busy to take a connection at the moment. UNAVAILABLE if it is not
  // there at the moment; other errors will not go away by waiting.
  using Connector = std::function<absl::StatusOr<std::unique_ptr<Transport>>()>;

  // An UNAVAILABLE of the connector's in more words, for who reads it.
  using Explainer = std::function<absl::Status(const absl::Status& failure)>;

  // Borrows the options and the clock.
  Reconnector(Connector connector, const ChannelOptions& options,
              const Clock& clock, std::shared_ptr<Connectivity> connectivity);

  // Before it is used. Null: failures are told as they are.
  void ExplainWith(Explainer explainer) { explainer_ = std::move(explainer); }

  // The connection for new calls; null if there is none.
  std::shared_ptr<ClientConnection> current() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return has_connection() ? connection_ : nullptr;
  }
  // Makes one, where there is none; null if the server is busy, which is worth
  // another attempt soon.
  absl::StatusOr<std::shared_ptr<ClientConnection>> Connect(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Lets go of a connection that takes no more calls, and so of its socket and
  // of what of an unfinished frame it holds, without waiting for the next call.
  void Forget(const ClientConnection& connection, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Who waits for the next attempt.
  ConnectionWaits& waits() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return waits_;
  }
  // Whether there is no connection, and others wait for the next attempt.
  bool Pauses() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return !has_connection() && waits_.Pauses(clock_.Now());
  }

  // Why there is no connection: what the last attempt failed with, or what the
  // last connection ended with. Costs more than the attempt.
  absl::Status WhyNotConnected() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The same for who has waited until the server is ready.
  std::string WhyNotReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // UNAVAILABLE: the server has been busy for too long.
  static absl::Status Busy();

 private:
  absl::StatusOr<std::shared_ptr<ClientConnection>> Attempt();
  bool has_connection() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return connection_ != nullptr && connection_->usable();
  }

  const Connector connector_;
  Explainer explainer_;
  const ChannelOptions& options_;
  const Clock& clock_;
  const std::shared_ptr<Connectivity> connectivity_;
  std::shared_ptr<ClientConnection> connection_ ABSL_GUARDED_BY(channel_mutex);
  ConnectionWaits waits_ ABSL_GUARDED_BY(channel_mutex);
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_RECONNECTOR_H_
