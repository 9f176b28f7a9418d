#ifndef FDRPC_SERVER_SERVER_POLLING_H_
#define FDRPC_SERVER_SERVER_POLLING_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "os/busy_poll.h"
#include "os/poller.h"
#include "os/wakeup.h"
#include "server/connection_set.h"
#include "server/connection_sources.h"
#include "server/server_schedule.h"
#include "server/worker_pool.h"

namespace fdrpc {

// Waits, sleeping or polling, for what arrives at a server, and handles what
// has arrived. Its pool's polling thread, or its loop, runs this. Owns no
// connections.
class ServerPolling {
 public:
  // Tokens in the poller: the wake-up, the listeners, then the connections.
  static constexpr uint64_t kWakeupToken = 0;
  static constexpr uint64_t kFirstListenerToken = 1;

  // Borrows all of them. `adopt` takes new connections.
  ServerPolling(absl::Duration max_busy_poll, const Clock& clock,
                Poller& poller, const Wakeup& wakeup,
                ConnectionSources& sources, ConnectionSet& connections,
                ServerSchedule& schedule,
                std::function<void(ConnectionSources::NewConnection)> adopt)
      : clock_(clock),
        poller_(poller),
        wakeup_(wakeup),
        sources_(sources),
        connections_(connections),
        schedule_(schedule),
        adopt_(std::move(adopt)),
        busy_poll_(max_busy_poll) {}

  // Waits no longer than `until`. False if nothing was ready or due.
  bool Poll(MonotonicTime until);
  // Waits, sleeping or polling, for as long as that makes sense.
  WorkerPool::PollResult PollOrSleep(bool sleeps);

 private:
  // Looks at one connection, and from time to time at all connections.
  bool PollBusily(ServerConnection* connection);
  // False if nothing had arrived.
  bool ReadFrames(ServerConnection& connection);
  void Read(ServerConnection& connection);
  void Handle(const Poller::Event& event);

  const Clock& clock_;
  Poller& poller_;
  const Wakeup& wakeup_;
  ConnectionSources& sources_;
  ConnectionSet& connections_;
  ServerSchedule& schedule_;
  const std::function<void(ConnectionSources::NewConnection)> adopt_;

  size_t frames_read_ = 0;  // on all connections
  BusyPoll busy_poll_;
  BusyPoll::Wait wait_;
  int busy_polls_ = 0;
  // The connection that was read last, which keeps its memory.
  uint64_t last_read_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVER_POLLING_H_
