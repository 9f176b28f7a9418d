#include "server/server_schedule.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/incoming_call.h"

namespace fdrpc {

using Stage = ServerLifecycle::Stage;

ServerSchedule::ServerSchedule(const ServerOptions& options, const Clock& clock,
                               ServerLifecycle& lifecycle,
                               ConnectionSources& sources,
                               ConnectionSet& connections,
                               ServerCounters& counters, const Wakeup& wakeup,
                               ServiceNotices notices,
                               std::function<void()> on_end)
    : options_(options),
      lifecycle_(lifecycle),
      sources_(sources),
      connections_(connections),
      counters_(counters),
      wakeup_(wakeup),
      notices_(std::move(notices)),
      on_end_(std::move(on_end)),
      kept_messages_(clock) {}

void ServerSchedule::Begin(MonotonicTime now) {
  idle_check_at_ = DeadlineAfter(now, options_.idle_timeout);
}

MonotonicTime ServerSchedule::next() {
  const MonotonicTime next =
      std::min({deadlines_.next(), sources_.listeners().next_resume(),
                idle_check_at_, kept_messages_.next(), notices_.next(),
                connections_.timeouts().next(), draining_.next()});
  // That time has passed, or there was nothing to wait for: handlers report
  // when they end.
  if (lifecycle_.stage() == Stage::kEnding) return next;
  return std::min(next, lifecycle_.shutdown_deadline().value_or(kNoDeadline));
}

bool ServerSchedule::Advance(MonotonicTime now) {
  sources_.listeners().Resume(now);
  connections_.timeouts().Advance(now, draining_);
  ShutdownIfIdle(now);
  kept_messages_.Advance(now);
  const auto expired = deadlines_.TakeExpired(now);
  for (const auto& call : expired) call->OnDeadline();
  AdvanceShutdown(now);
  notices_.Advance(now);
  return !expired.empty();
}

void ServerSchedule::ShutdownIfIdle(MonotonicTime now) {
  if (now < idle_check_at_) return;
  idle_check_at_ = DeadlineAfter(now, options_.idle_timeout);
  if (idle_check_.Look(counters_.handlers.running() != 0,
                       counters_.handlers.added())) {
    RequestShutdown(now);
  }
}

void ServerSchedule::RequestShutdown(MonotonicTime now) {
  lifecycle_.RequestShutdown(now, options_.drain_timeout);
  sources_.DropWaiting();
}

void ServerSchedule::AdvanceShutdown(MonotonicTime now) {
  if (lifecycle_.TakeStopRequest() ||
      (lifecycle_.stage() == Stage::kServing && sources_.exhausted() &&
       connections_.empty())) {
    RequestShutdown(now);
  }
  if (const auto deadline = lifecycle_.shutdown_deadline();
      deadline.has_value()) {
    if (lifecycle_.stage() == Stage::kServing) {
      lifecycle_.Enter(Stage::kDraining);
      sources_.listeners().Close();
      idle_check_at_ = kNoDeadline;
      notices_.Stop();
      for (auto& connection : connections_.All()) {
        draining_.Add(std::move(connection), *deadline);
      }
    }
    // A later request may set an earlier deadline.
    draining_.EndBy(*deadline);
  }
  const bool server_ends = lifecycle_.stage() != Stage::kServing;
  draining_.Advance(now, server_ends);
  if (!server_ends || !draining_.empty()) return;
  lifecycle_.Enter(Stage::kEnding);
  if (counters_.handlers.AwaitNone(wakeup_)) on_end_();
}

}  // namespace fdrpc
