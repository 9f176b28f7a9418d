#ifndef FDRPC_CLIENT_RECONNECTOR_H_
#define FDRPC_CLIENT_RECONNECTOR_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/monotonic_time.h"
#include "client/channel_account.h"
#include "client/channel_lock.h"
#include "client/channel_target.h"
#include "client/client_connection.h"
#include "client/connection_waits.h"
#include "client/connectivity.h"
#include "fdrpc/channel.h"
#include "transport/transport.h"

namespace fdrpc {

// Keeps the connection for a channel's new calls: connects when there is none,
// reports the result to the channel's state, and keeps the calls that wait for
// the next attempt. Has no thread and no timer: the waiting calls make the
// attempt.
class Reconnector {
 public:
  // Makes a connected transport, without blocking; null if the server is too
  // busy to accept a connection at the moment. UNAVAILABLE if there is no
  // server at the moment; other errors do not go away by waiting.
  using Connector = std::function<absl::StatusOr<std::unique_ptr<Transport>>()>;

  // Borrows `options`, `clock` and `target`.
  Reconnector(Connector connector, const ChannelOptions& options,
              const Clock& clock, std::shared_ptr<Connectivity> connectivity,
              const ChannelTarget& target);

  // The connection for new calls; null if there is none.
  std::shared_ptr<ClientConnection> current() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return has_connection() ? connection_ : nullptr;
  }
  // Connects if there is no connection. Null if the server is busy, so that
  // another attempt soon is worthwhile.
  absl::StatusOr<std::shared_ptr<ClientConnection>> Connect(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Releases a connection that accepts no more calls, and so its socket and the
  // memory of an incomplete frame, without waiting for the next call.
  void Forget(const ClientConnection& connection, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // The calls that wait for the next attempt.
  ConnectionWaits& waits() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return waits_;
  }
  // Whether there is no connection, and others wait for the next attempt.
  bool Pauses() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return !has_connection() && waits_.Pauses(clock_.Now());
  }

  // Adds what all connections of the channel hold.
  void AddTo(ChannelStatistics& statistics) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Why there is no connection: the error of the last attempt, or the reason
  // for the end of the last connection. Costs more than the attempt.
  absl::Status WhyNotConnected() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The same, for a caller that has waited until the server is ready.
  std::string WhyNotReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // UNAVAILABLE: the server has been busy for too long.
  static absl::Status Busy();

 private:
  absl::StatusOr<std::shared_ptr<ClientConnection>> Attempt()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  bool has_connection() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return connection_ != nullptr && connection_->usable();
  }

  const Connector connector_;
  const ChannelOptions& options_;
  const Clock& clock_;
  const std::shared_ptr<Connectivity> connectivity_;
  const ChannelTarget& target_;
  const std::shared_ptr<ChannelAccount> account_ =
      std::make_shared<ChannelAccount>();
  std::shared_ptr<ClientConnection> connection_ ABSL_GUARDED_BY(channel_mutex);
  // Those that may have calls. Those that do not exist any more are forgotten
  // with the next connection.
  std::vector<std::weak_ptr<ClientConnection>> connections_
      ABSL_GUARDED_BY(channel_mutex);
  ConnectionWaits waits_ ABSL_GUARDED_BY(channel_mutex);
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_RECONNECTOR_H_
