// What ends in time: handshakes, requests, connections, the server. A part of
// ServerCore.

#include <algorithm>
#include <utility>

#include "fdrpc/internal/kept_messages.h"
#include "server/server_core.h"

namespace fdrpc {
namespace {

absl::Status ShuttingDown() {
  return absl::UnavailableError("the server is shutting down");
}

// What calls get that have not ended in time.
absl::Status DrainTimedOut() {
  return absl::UnavailableError(
      "the server is shutting down, and the call has not ended within its "
      "drain timeout");
}
absl::Status GraceOver() {
  return absl::UnavailableError(
      "the connection has reached the server's max_connection_age, and the "
      "call has not ended within max_connection_age_grace");
}

}  // namespace

void ServerCore::ExpireRequests(MonotonicTime now) {
  while (!requests_.empty() && requests_.front().deadline <= now) {
    const uint64_t token = requests_.front().token;
    requests_.pop_front();
    const std::shared_ptr<ServerConnection> connection = FindConnection(token);
    if (connection == nullptr) continue;
    const std::optional<MonotonicTime> since = connection->incomplete_since();
    if (!since.has_value()) continue;
    if (DeadlineAfter(*since, options_.request_timeout) <= now) {
      connection->Close(absl::DeadlineExceededError(
          "the client did not end a request in time"));
    } else {
      Expect(requests_, options_.request_timeout, token);
    }
  }
}

void ServerCore::ExpireHandshakes(MonotonicTime now) {
  while (!handshakes_.empty()) {
    const std::shared_ptr<ServerConnection> connection =
        FindConnection(handshakes_.front().token);
    if (connection != nullptr && !connection->has_hello()) {
      if (handshakes_.front().deadline > now) return;
      connection->Close(
          absl::DeadlineExceededError("the client made no handshake in time"));
    }
    handshakes_.pop_front();
  }
}

void ServerCore::RetireConnections(MonotonicTime now) {
  for (; !ages_.empty() && ages_.front().deadline <= now; ages_.pop_front()) {
    const std::shared_ptr<ServerConnection> connection =
        FindConnection(ages_.front().token);
    if (connection == nullptr) continue;
    Drain(connection, DeadlineAfter(now, options_.max_connection_age_grace));
  }
}

void ServerCore::RetireIdleConnections(MonotonicTime now) {
  for (; !idles_.empty() && idles_.front().deadline <= now;
       idles_.pop_front()) {
    const uint64_t token = idles_.front().token;
    const std::shared_ptr<ServerConnection> connection = FindConnection(token);
    if (connection == nullptr || connection->draining()) continue;
    if (connection->WasIdle()) {
      Drain(connection, kNoDeadline);
    } else {
      Expect(idles_, options_.max_connection_idle, token);
    }
  }
}

void ServerCore::ShutdownIfIdle(MonotonicTime now) {
  if (now < idle_check_at_) return;
  if (idle_check_.Look(counters_.handlers.running() != 0,
                       counters_.handlers.added())) {
    idle_check_at_ = kNoDeadline;
    return Shutdown(options_.drain_timeout);
  }
  idle_check_at_ = DeadlineAfter(now, options_.idle_timeout);
}

void ServerCore::Drain(std::shared_ptr<ServerConnection> connection,
                       MonotonicTime deadline) {
  connection->Drain();
  draining_.push_back({std::move(connection), deadline});
}

void ServerCore::AdvanceDrains(MonotonicTime now) {
  std::erase_if(draining_, [&](const Draining& draining) {
    ServerConnection& connection = *draining.connection;
    if (now < draining.deadline && !connection.AdvanceDrain(now)) return false;
    // Before the end of the connection, which says nothing.
    connection.FailCalls(shutting_down_ ? DrainTimedOut() : GraceOver());
    connection.Close(ShuttingDown());
    return true;
  });
}

void ServerCore::AdvanceShutdown(MonotonicTime now) {
  if (stop_requested_.exchange(false, std::memory_order_acq_rel) ||
      (!shutting_down_ && HasNothingToServe())) {
    Shutdown(options_.drain_timeout);
  }
  std::optional<MonotonicTime> deadline;
  {
    MutexLock lock(mu_);
    deadline = drain_deadline_;
  }
  if (deadline.has_value()) {
    if (!std::exchange(shutting_down_, true)) {
      listeners_.Close();
      idle_check_at_ = kNoDeadline;
      notices_.Stop();
      for (auto& connection : AllConnections()) Drain(connection, *deadline);
    }
    // A later Shutdown() may be for sooner.
    for (Draining& draining : draining_) {
      draining.deadline = std::min(draining.deadline, *deadline);
    }
  }
  AdvanceDrains(now);
  if (!shutting_down_ || !draining_.empty()) return;
  if (counters_.handlers.AwaitNone(*wakeup_)) executor_->Stop();
}

void ServerCore::Shutdown(absl::Duration drain_timeout) {
  if (inherited_by_fork()) return;
  const MonotonicTime deadline = DeadlineAfter(
      Clock::Real().Now(), std::max(drain_timeout, absl::ZeroDuration()));
  // As a listener's queue, it goes with what waits there.
  std::vector<Connected> dropped;
  {
    MutexLock lock(mu_);
    drain_deadline_ = std::min(drain_deadline_.value_or(kNoDeadline), deadline);
    dropped.swap(connected_);
  }
  if (wakeup_.has_value()) wakeup_->Notify();
}

void ServerCore::CloseConnections() {
  for (const auto& connection : AllConnections()) {
    connection->Close(ShuttingDown());
  }
  // Nobody watches them any more, unless the process has another server.
  for (int i = 0; i < 2; ++i) internal::KeptMessages::DropUnused();
}

}  // namespace fdrpc
