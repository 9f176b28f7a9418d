#ifndef FDRPC_SERVER_SERVER_SCHEDULE_H_
#define FDRPC_SERVER_SERVER_SCHEDULE_H_

#include <functional>

#include "base/monotonic_time.h"
#include "fdrpc/server.h"
#include "os/wakeup.h"
#include "server/call_deadlines.h"
#include "server/connection_set.h"
#include "server/connection_sources.h"
#include "server/draining_connections.h"
#include "server/idle_check.h"
#include "server/kept_messages_check.h"
#include "server/server_counters.h"
#include "server/server_lifecycle.h"
#include "server/service_notices.h"

namespace fdrpc {

// What a server does at certain times: the time-outs of its connections and
// calls, and the steps of its shutdown. Runs no timer: the polling thread,
// which alone uses this class, asks for next().
class ServerSchedule {
 public:
  // Borrows all arguments except the last two. `on_end` is called, possibly
  // more than once, when the server has no connections and no handlers any
  // more.
  ServerSchedule(const ServerOptions& options, const Clock& clock,
                 ServerLifecycle& lifecycle, ConnectionSources& sources,
                 ConnectionSet& connections, ServerCounters& counters,
                 const Wakeup& wakeup, ServiceNotices notices,
                 std::function<void()> on_end);
  ServerSchedule(const ServerSchedule&) = delete;
  ServerSchedule& operator=(const ServerSchedule&) = delete;

  // Called before anything is polled.
  void Begin(MonotonicTime now);
  // When there will be something to do even if nothing arrives.
  MonotonicTime next();
  // Does what is due. True if calls' deadlines have passed.
  bool Advance(MonotonicTime now);

  // Any thread may use these.
  CallDeadlines& deadlines() { return deadlines_; }
  KeptMessagesCheck& kept_messages() { return kept_messages_; }

 private:
  void ShutdownIfIdle(MonotonicTime now);
  // Makes one step of the shutdown, if it has begun.
  void AdvanceShutdown(MonotonicTime now);
  void RequestShutdown(MonotonicTime now);

  const ServerOptions& options_;
  ServerLifecycle& lifecycle_;
  ConnectionSources& sources_;
  ConnectionSet& connections_;
  ServerCounters& counters_;
  const Wakeup& wakeup_;
  ServiceNotices notices_;
  const std::function<void()> on_end_;

  CallDeadlines deadlines_;
  KeptMessagesCheck kept_messages_;
  DrainingConnections draining_;
  IdleCheck idle_check_;
  MonotonicTime idle_check_at_ = kNoDeadline;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVER_SCHEDULE_H_
