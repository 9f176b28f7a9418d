#include "server/server_schedule.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace fdrpc {

using Stage = ServerLifecycle::Stage;

ServerSchedule::ServerSchedule(const ServerOptions& options, const Clock& clock,
                               ServerLifecycle& lifecycle,
                               ConnectionSources& sources,
                               ConnectionSet& connections,
                               std::optional<DatagramCalls>& datagrams,
                               ServerCounters& counters, Waker& waker,
                               ServiceNotices notices,
                               std::function<void()> on_end)
    : options_(options),
      lifecycle_(lifecycle),
      sources_(sources),
      connections_(connections),
      datagrams_(datagrams),
      counters_(counters),
      waker_(waker),
      notices_(std::move(notices)),
      on_end_(std::move(on_end)),
      kept_messages_(clock, waker) {}

void ServerSchedule::Begin(MonotonicTime now) {
  idle_check_at_ = DeadlineAfter(now, options_.idle_timeout);
}

MonotonicTime ServerSchedule::next() const {
  const MonotonicTime next =
      std::min({sources_.listeners().next_resume(), idle_check_at_,
                kept_messages_.next(), notices_.next(),
                connections_.timeouts().next(), draining_.next()});
  // Then calls in datagrams end.
  if (lifecycle_.stage() != Stage::kDraining) return next;
  return std::min(next, lifecycle_.shutdown_deadline().value_or(kNoDeadline));
}

void ServerSchedule::Advance(MonotonicTime now) {
  if (ended_) return;
  sources_.listeners().Resume(now);
  connections_.timeouts().Advance(now, draining_);
  ShutdownIfIdle(now);
  kept_messages_.Advance(now);
  AdvanceShutdown(now);
  notices_.Advance(now);
  if (!ended_) waker_.WakeBy(next());
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
  if (lifecycle_.stage() == Stage::kServing && sources_.exhausted() &&
      connections_.empty()) {
    RequestShutdown(now);
  }
  if (const auto deadline = lifecycle_.shutdown_deadline();
      deadline.has_value()) {
    if (lifecycle_.stage() == Stage::kServing) {
      lifecycle_.Enter(Stage::kDraining);
      sources_.listeners().Close();
      datagrams_->Drain();
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
  const bool late = now >= lifecycle_.shutdown_deadline().value_or(now);
  if (!datagrams_->Ended(late, ShuttingDown())) return;
  lifecycle_.Enter(Stage::kEnding);
  ended_ = counters_.handlers.AwaitNone(waker_);
  if (ended_) on_end_();
}

}  // namespace fdrpc
