#ifndef FDRPC_SERVER_SERVER_SCHEDULE_H_
#define FDRPC_SERVER_SERVER_SCHEDULE_H_

#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "base/monotonic_time.h"
#include "fdrpc/server.h"
#include "loop/waker.h"
#include "server/connection_set.h"
#include "server/connection_sources.h"
#include "server/datagram_calls.h"
#include "server/draining_connections.h"
#include "server/idle_check.h"
#include "server/kept_messages_check.h"
#include "server/server_counters.h"
#include "server/server_lifecycle.h"
#include "server/service_notices.h"

namespace fdrpc {

// What a server does at certain times: the time-outs of its connections,
// and the steps of its shutdown. Its parts, and Advance() for the rest,
// have the server woken at those times. For the polling thread.
class ServerSchedule {
 public:
  // Borrows all arguments except the last two; `datagrams` has a value before
  // Begin(). `on_end` is called once, when the server has no connections and no
  // handlers any more.
  ServerSchedule(const ServerOptions& options, const Clock& clock,
                 ServerLifecycle& lifecycle, ConnectionSources& sources,
                 ConnectionSet& connections,
                 std::optional<DatagramCalls>& datagrams,
                 ServerCounters& counters, Waker& waker, ServiceNotices notices,
                 std::function<void()> on_end);
  ServerSchedule(const ServerSchedule&) = delete;
  ServerSchedule& operator=(const ServerSchedule&) = delete;

  // Called before anything is polled.
  void Begin(MonotonicTime now);
  // Does what is due.
  void Advance(MonotonicTime now);

  // Why calls end that have not ended in time.
  static absl::Status ShuttingDown() {
    return absl::UnavailableError("the server is shutting down");
  }

  // Any thread may use this.
  KeptMessagesCheck& kept_messages() { return kept_messages_; }

 private:
  // When there will be something to do even if nothing arrives.
  MonotonicTime next() const;
  void ShutdownIfIdle(MonotonicTime now);
  // Makes one step of the shutdown, if it has begun.
  void AdvanceShutdown(MonotonicTime now);
  void RequestShutdown(MonotonicTime now);

  const ServerOptions& options_;
  ServerLifecycle& lifecycle_;
  ConnectionSources& sources_;
  ConnectionSet& connections_;
  std::optional<DatagramCalls>& datagrams_;
  ServerCounters& counters_;
  Waker& waker_;
  ServiceNotices notices_;
  const std::function<void()> on_end_;

  KeptMessagesCheck kept_messages_;
  DrainingConnections draining_;
  IdleCheck idle_check_;
  MonotonicTime idle_check_at_ = kNoDeadline;
  bool ended_ = false;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVER_SCHEDULE_H_
