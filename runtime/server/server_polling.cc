#include "server/server_polling.h"

#include <memory>

#include "os/background_close.h"

namespace fdrpc {
namespace {

constexpr size_t kMostEvents = 64;

// How many busy polls look at one connection before one looks at all.
constexpr int kPollsOfOne = 8;

}  // namespace

WorkerPool::PollResult ServerPolling::PollOrSleep(bool sleeps) {
  using PollResult = WorkerPool::PollResult;
  const size_t frames = frames_read_;
  if (sleeps) {
    if (Poll(schedule_.next())) {
      busy_poll_.OnArrival(wait_, clock_.Now(), BusyPoll::Arrival::kLater,
                           frames_read_ - frames);
    }
    return PollResult::kSomething;
  }
  MonotonicTime now = clock_.Now();
  wait_ = busy_poll_.Begin(now);
  if (wait_.polls()) {
    const std::shared_ptr<ServerConnection> last =
        connections_.Find(last_read_);
    auto came = BusyPoll::Arrival::kBefore;
    while (now < wait_.until) {
      const bool found = PollBusily(last.get());
      now = clock_.Now();
      if (found) {
        busy_poll_.OnArrival(wait_, now, came, frames_read_ - frames);
        return PollResult::kSomething;
      }
      came = BusyPoll::Arrival::kLater;
    }
  }
  return busy_poll_.expects_arrival() ? PollResult::kNothingYet
                                      : PollResult::kNothing;
}

bool ServerPolling::PollBusily(ServerConnection* connection) {
  if (connection == nullptr || !connection->interest().readable ||
      --busy_polls_ < 0) {
    busy_polls_ = kPollsOfOne;
    return Poll(MonotonicTime());
  }
  BackgroundCloseScope closes;
  return ReadFrames(*connection);
}

bool ServerPolling::ReadFrames(ServerConnection& connection) {
  const size_t before = connection.frames_read();
  const bool read = connection.OnReadable();
  frames_read_ += connection.frames_read() - before;
  return read;
}

bool ServerPolling::Poll(MonotonicTime until) {
  Poller::Event events[kMostEvents];
  const absl::Span<Poller::Event> ready =
      poller_.Wait(absl::MakeSpan(events), clock_.SleepUntil(until));
  // Closing what clients sent may block, and must not hold up this thread. It
  // is passed on after each event, so that it counts for its sender before
  // anything else from that sender is received.
  for (const Poller::Event& event : ready) {
    BackgroundCloseScope closes;
    Handle(event);
  }
  BackgroundCloseScope closes;
  const bool expired = schedule_.Advance(clock_.Now());
  return !ready.empty() || expired;
}

void ServerPolling::Handle(const Poller::Event& event) {
  if (event.token == kWakeupToken) {
    wakeup_.Clear();
    for (auto& connected : sources_.TakeWaiting()) adopt_(std::move(connected));
    return;
  }
  if (event.token < ConnectionSet::kFirstToken) {
    return sources_.Accept(event.token, adopt_);
  }
  // A handler's thread may have closed it a moment ago.
  const std::shared_ptr<ServerConnection> connection =
      connections_.Find(event.token);
  if (connection == nullptr) return;
  if (event.writable) connection->OnWritable();
  if (event.readable) Read(*connection);
}

void ServerPolling::Read(ServerConnection& connection) {
  (void)ReadFrames(connection);
  if (last_read_ == connection.token()) return;
  const std::shared_ptr<ServerConnection> former =
      connections_.Find(last_read_);
  if (former != nullptr) former->ReleaseIdleMemory();
  last_read_ = connection.token();
}

}  // namespace fdrpc
