#ifndef FDRPC_CLIENT_CHANNEL_CORE_H_
#define FDRPC_CLIENT_CHANNEL_CORE_H_

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/monotonic_time.h"
#include "client/channel_base.h"
#include "client/channel_lock.h"
#include "client/client_connection.h"
#include "client/connection_waits.h"
#include "client/connectivity.h"
#include "client/reconnector.h"
#include "fdrpc/channel.h"
#include "fdrpc/channel_state.h"
#include "loop/loop_core.h"

namespace fdrpc {

// The implementation of a Channel over connections: makes calls on the
// Reconnector's connection.
class ChannelCore final : public ChannelBase, private Connectivity::Listener {
 public:
  // `loop`: null means the process's own, which is made when it is needed. Uses
  // `clock`, like the loop; it must outlive the channel.
  ChannelCore(Reconnector::Connector connector, const ChannelOptions& options,
              std::shared_ptr<LoopCore> loop,
              const Clock& clock = Clock::Real(), ChannelTarget target = {});
  ~ChannelCore() override;

  // Implementation of Caller.
  absl::Status CallUnary(const Method& method, OutgoingMessage request,
                         IncomingMessage reply,
                         const CallOptions& options) override;
  std::shared_ptr<ClientCall> StartCall(const Method& method,
                                        const OutgoingMessage* request,
                                        const CallOptions& options,
                                        CallForm form) override;

  // Implementation of ChannelBase.
  ChannelState state() override ABSL_LOCKS_EXCLUDED(channel_mutex);
  bool uses_rings() override ABSL_LOCKS_EXCLUDED(channel_mutex);
  ChannelStatistics statistics() override ABSL_LOCKS_EXCLUDED(channel_mutex);
  absl::Status WaitForReady(absl::Duration timeout) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  absl::StatusOr<ChannelStateWatch> WatchState(
      absl::AnyInvocable<void(ChannelState)> on_change) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);

  // ---- for calls

  // The connection for a new call, which is made if there is none; null if the
  // server is busy, so that another attempt soon makes sense.
  absl::StatusOr<std::shared_ptr<ClientConnection>> GetConnection(
      ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  Reconnector& reconnector() { return reconnector_; }
  // Makes the loop, which must exist, call OnTurn() when it is the waiter's
  // turn to use the connection, or to make one.
  void Wait(ConnectionWaits::Waiter& waiter)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

 private:
  ChannelCore(std::shared_ptr<Connectivity> connectivity,
              Reconnector::Connector connector, const ChannelOptions& options,
              std::shared_ptr<LoopCore> loop, const Clock& clock,
              ChannelTarget target);

  // Before a stream begins, which cannot be made again once it has been written
  // to: finds out whether the server is going. Seldom also before a one-way
  // call, so that a connection that nobody reads otherwise can have rings.
  void ReadArrived(const Method& method) ABSL_LOCKS_EXCLUDED(channel_mutex);
  // Blocks until there is a connection, possibly made by others, or the next
  // attempt has failed, or `deadline`: null then, and if the server is busy.
  // `at_once`: makes an attempt unless others do.
  absl::StatusOr<std::shared_ptr<ClientConnection>> AwaitConnection(
      bool at_once, MonotonicTime deadline) ABSL_LOCKS_EXCLUDED(channel_mutex);

  // Implementation of Connectivity::Listener.
  void OnServerReady(ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Implementation of ChannelBase: calls that wait have their turns.
  void OnTime(MonotonicTime now, ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  MonotonicTime next_time() override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return reconnector_.waits().next_turn();
  }

  // Shared with the connections, which a loop may keep for a moment longer.
  const std::shared_ptr<Connectivity> connectivity_;
  Reconnector reconnector_;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CHANNEL_CORE_H_
