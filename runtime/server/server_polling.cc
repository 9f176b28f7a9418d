// How a server waits, and what it does when something has come: the part of
// ServerCore that the polling thread, or a loop, runs.

#include <algorithm>
#include <utility>

#include "os/background_close.h"
#include "server/incoming_call.h"
#include "server/server_core.h"

namespace fdrpc {
namespace {

constexpr size_t kMostEvents = 64;

// How often, of busy polls, one connection is looked at before all are.
constexpr int kPollsOfOne = 8;

}  // namespace

WorkerPool::Found ServerCore::PollOrSleep(bool sleeps) {
  using Found = WorkerPool::Found;
  const size_t frames = frames_read_;
  if (sleeps) {
    if (Poll(NextDeadline())) {
      busy_poll_.OnArrival(wait_, Clock::Real().Now(), BusyPoll::Came::kLater,
                           frames_read_ - frames);
    }
    return Found::kSomething;
  }
  MonotonicTime now = Clock::Real().Now();
  wait_ = busy_poll_.Begin(now);
  if (wait_.polls()) {
    const std::shared_ptr<ServerConnection> last = FindConnection(last_read_);
    auto came = BusyPoll::Came::kBefore;
    while (now < wait_.until) {
      const bool found = PollBusily(last.get());
      now = Clock::Real().Now();
      if (found) {
        busy_poll_.OnArrival(wait_, now, came, frames_read_ - frames);
        return Found::kSomething;
      }
      came = BusyPoll::Came::kLater;
    }
  }
  return busy_poll_.expects_arrival() ? Found::kNothingYet : Found::kNothing;
}

bool ServerCore::PollBusily(ServerConnection* connection) {
  if (connection == nullptr || !connection->interest().readable ||
      --busy_polls_ < 0) {
    busy_polls_ = kPollsOfOne;
    return Poll(MonotonicTime());
  }
  BackgroundCloses closes;
  return ReadFrames(*connection);
}

bool ServerCore::ReadFrames(ServerConnection& connection) {
  const size_t before = connection.frames_read();
  const bool read = connection.OnReadable();
  frames_read_ += connection.frames_read() - before;
  return read;
}

bool ServerCore::Poll(MonotonicTime until) {
  Poller::Event events[kMostEvents];
  const absl::Span<Poller::Event> ready =
      poller_->Wait(absl::MakeSpan(events), until);
  // What clients sent may block whoever closes it; this thread must not be held
  // up. Given away after each event: it counts for its sender before anything
  // else of that is received.
  for (const Poller::Event& event : ready) {
    BackgroundCloses closes;
    Handle(event);
  }
  BackgroundCloses closes;
  const MonotonicTime now = Clock::Real().Now();
  listeners_.Resume(now);
  ExpireHandshakes(now);
  ExpireRequests(now);
  RetireConnections(now);
  RetireIdleConnections(now);
  ShutdownIfIdle(now);
  kept_messages_.Advance(now);
  const auto expired = deadlines_.TakeExpired(now);
  for (const auto& call : expired) call->OnDeadline();
  AdvanceShutdown(now);
  notices_.Advance(now);
  return !ready.empty() || !expired.empty();
}

MonotonicTime ServerCore::NextDeadline() {
  MonotonicTime next =
      std::min({deadlines_.next(), listeners_.next_resume(), idle_check_at_,
                kept_messages_.next(), notices_.next()});
  for (const std::deque<Expected>* queue :
       {&handshakes_, &requests_, &ages_, &idles_}) {
    if (!queue->empty()) next = std::min(next, queue->front().deadline);
  }
  for (const Draining& draining : draining_) {
    next = std::min(
        {next, draining.deadline, draining.connection->next_drain_step()});
  }
  // It has passed, or there was nothing to wait for: handlers say when they
  // end.
  if (counters_.handlers.awaited()) return next;
  MutexLock lock(mu_);
  return std::min(next, drain_deadline_.value_or(kNoDeadline));
}

void ServerCore::Handle(const Poller::Event& event) {
  if (event.token == kWakeupToken) {
    wakeup_->Clear();
    AdoptConnected();
    return;
  }
  if (event.token < kFirstConnectionToken) {
    return listeners_.Accept(event.token, [this](UniqueFd socket, int type) {
      AdoptSocket(std::move(socket), type);
    });
  }
  // It may have been closed by a handler's thread a moment ago.
  const std::shared_ptr<ServerConnection> connection =
      FindConnection(event.token);
  if (connection == nullptr) return;
  if (event.writable) connection->OnWritable();
  if (event.readable) Read(*connection);
}

void ServerCore::Read(ServerConnection& connection) {
  (void)ReadFrames(connection);
  if (last_read_ == connection.token()) return;
  const std::shared_ptr<ServerConnection> former = FindConnection(last_read_);
  if (former != nullptr) former->ReleaseIdleMemory();
  last_read_ = connection.token();
}

}  // namespace fdrpc
