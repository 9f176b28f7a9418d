#include "loop/reactor.h"

#include <algorithm>
#include <utility>

namespace fdrpc {
namespace {

constexpr uint64_t kWakeupToken = 0;
constexpr size_t kMostEvents = 64;
// How many busy polls look at one source before one looks at all.
constexpr int kPollsOfOne = 8;
// How many attended sources it looks at in a turn, and how often before it
// reads the clock.
constexpr size_t kMostAttended = 64;
constexpr int kLooksPerTime = 16;

}  // namespace

absl::StatusOr<Reactor::Parts> Reactor::Parts::Create() {
  absl::StatusOr<Poller> poller = Poller::Create();
  if (!poller.ok()) return poller.status();
  absl::StatusOr<Wakeup> wakeup = Wakeup::Create();
  if (!wakeup.ok()) return wakeup.status();
  absl::Status added = poller->Add(wakeup->fd(), kWakeupToken, {});
  if (!added.ok()) return added;
  return Parts{*std::move(poller), *std::move(wakeup)};
}

absl::StatusOr<std::shared_ptr<Reactor>> Reactor::Create(
    absl::Duration max_busy_poll, const Clock& clock) {
  absl::StatusOr<Parts> parts = Parts::Create();
  if (!parts.ok()) return parts.status();
  return std::shared_ptr<Reactor>(
      new Reactor(*std::move(parts), max_busy_poll, clock));
}

Reactor::Reactor(Parts parts, absl::Duration max_busy_poll, const Clock& clock)
    : clock_(clock),
      poller_(std::move(parts.poller)),
      wakeup_(std::move(parts.wakeup)),
      busy_poll_(max_busy_poll) {}

absl::Status Reactor::CheckProcess() const {
  if (!inherited_by_fork()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the loop was inherited through fork(); make a new one in the child");
}

absl::StatusOr<uint64_t> Reactor::Watch(int fd, std::weak_ptr<Source> source,
                                        Poller::Interest interest) {
  absl::Status usable = CheckProcess();
  if (!usable.ok()) return usable;
  MutexLock lock(mu_);
  const uint64_t token = next_token_++;
  absl::Status added = poller_.Add(fd, token, interest);
  if (!added.ok()) return added;
  sources_.emplace(token, std::move(source));
  return token;
}

absl::Status Reactor::Change(int fd, uint64_t token,
                             Poller::Interest interest) {
  if (inherited_by_fork()) return absl::OkStatus();
  return poller_.Change(fd, token, interest);
}

void Reactor::Unwatch(int fd, uint64_t token) {
  if (inherited_by_fork()) return;
  MutexLock lock(mu_);
  poller_.Remove(fd);
  sources_.erase(token);
}

void Reactor::Wake(std::weak_ptr<Source> source) {
  if (inherited_by_fork()) return;
  MutexLock lock(mu_);
  to_wake_.push_back(std::move(source));
  UpdateNext();
}

void Reactor::SetTimer(Timer& timer, MonotonicTime at,
                       std::weak_ptr<Source> source) {
  if (inherited_by_fork()) return;
  MutexLock lock(mu_);
  Set(timer, at, std::move(source));
}

void Reactor::SetTimerBy(Timer& timer, MonotonicTime at,
                         std::weak_ptr<Source> source) {
  if (inherited_by_fork()) return;
  MutexLock lock(mu_);
  if (at < timer.at()) Set(timer, at, std::move(source));
}

void Reactor::Set(Timer& timer, MonotonicTime at,
                  std::weak_ptr<Source> source) {
  timers_.Set(timer, at);
  timer.source_ = std::move(source);
  timer.reactor_.store(this, std::memory_order_relaxed);
  UpdateNext();
}

void Reactor::CancelTimer(Timer& timer) {
  if (inherited_by_fork()) return;
  MutexLock lock(mu_);
  timers_.Cancel(timer);
  timer.reactor_.store(nullptr, std::memory_order_relaxed);
  UpdateNext();
}

void Reactor::UpdateNext() {
  const MonotonicTime next =
      to_wake_.empty() ? timers_.next() : MonotonicTime();
  const MonotonicTime former = next_.load(std::memory_order_relaxed);
  if (next == former) return;
  next_.store(next);
  if (next < former && sleeps_.load()) Interrupt();
}

void Reactor::Interrupt() {
  if (!interrupted_.exchange(true) && sleeps_.load()) wakeup_.Notify();
}

Reactor::PollResult Reactor::Poll() {
  MonotonicTime now = clock_.Now();
  wait_ = busy_poll_.Begin(now);
  arrived_ = 0;
  if (wait_.polls()) {
    const std::shared_ptr<Source> last =
        last_ready_ == 0 ? nullptr : Find(last_ready_);
    const SomeSources attended = Attended();
    auto arrival = BusyPoll::Arrival::kBefore;
    while (now < wait_.until) {
      const bool found = LookAt(last.get(), attended);
      now = clock_.Now();
      if (found) {
        busy_poll_.OnArrival(wait_, now, arrival, arrived_);
        return PollResult::kSomething;
      }
      arrival = BusyPoll::Arrival::kLater;
    }
  }
  return busy_poll_.expects_arrival() ? PollResult::kNothingYet
                                      : PollResult::kNothing;
}

void Reactor::Sleep() {
  if (PrepareAttended() ? !Look(kNoDeadline) : !LookInMemory(Attended())) {
    return;
  }
  busy_poll_.OnArrival(wait_, clock_.Now(), BusyPoll::Arrival::kLater,
                       arrived_);
}

bool Reactor::LookAt(Source* source,
                     absl::Span<const std::shared_ptr<Source>> attended) {
  const bool one = source != nullptr && source->CanBePolled();
  if ((!one && attended.empty()) || --polls_of_one_ < 0 ||
      interrupted_.load(std::memory_order_relaxed)) {
    polls_of_one_ = kPollsOfOne;
    return Look(MonotonicTime());
  }
  if (!attended.empty()) {
    for (int i = 0; i < kLooksPerTime; ++i) {
      if (LookInMemory(attended)) return true;
    }
    return false;
  }
  const auto arrived =
      source->OnReady({.token = last_ready_, .readable = true});
  arrived_ += arrived.value_or(0);
  return arrived.has_value();
}

bool Reactor::Look(MonotonicTime until) {
  Poller::Event events[kMostEvents];
  const absl::Span<Poller::Event> ready = Wait(absl::MakeSpan(events), until);
  bool found = !ready.empty();
  if (interrupted_.load(std::memory_order_relaxed) &&
      interrupted_.exchange(false)) {
    found = true;
    ++arrived_;
  }
  for (const Poller::Event& event : ready) Handle(event);
  if (until == MonotonicTime() && !attended_.empty()) {
    found = LookInMemory(Attended()) || found;
  }
  return RunTimers() || found;
}

void Reactor::Attend(const std::shared_ptr<Source>& source) {
  if (std::exchange(source->attended_, true)) return;
  attended_.push_back(source);
}

Reactor::SomeSources Reactor::Attended() {
  SomeSources some;
  for (size_t i = 0; i < attended_.size() && i < kMostAttended;) {
    if (auto source = attended_[i].lock()) {
      some.push_back(std::move(source));
      ++i;
    } else {
      std::swap(attended_[i], attended_.back());
      attended_.pop_back();
    }
  }
  if (some.size() < attended_.size()) {
    std::rotate(attended_.begin(),
                attended_.begin() + static_cast<long>(some.size()),
                attended_.end());
  }
  return some;
}

bool Reactor::LookInMemory(absl::Span<const std::shared_ptr<Source>> sources) {
  bool found = false;
  for (const std::shared_ptr<Source>& source : sources) {
    if (!source->MayBeReady()) continue;
    const auto arrived = source->OnReady({.readable = true});
    arrived_ += arrived.value_or(0);
    found = found || arrived.has_value();
  }
  return found;
}

bool Reactor::PrepareAttended() {
  size_t kept = 0;
  for (size_t i = 0; i < attended_.size(); ++i) {
    const std::shared_ptr<Source> source = attended_[i].lock();
    if (source == nullptr) continue;
    if (source->PrepareToSleep()) {
      source->attended_ = false;
    } else {
      std::swap(attended_[kept++], attended_[i]);
    }
  }
  attended_.resize(kept);
  return kept == 0;
}

absl::Span<Poller::Event> Reactor::Wait(absl::Span<Poller::Event> events,
                                        MonotonicTime until) {
  if (until == MonotonicTime()) return poller_.Wait(events, until);
  sleeps_.store(true);
  until =
      interrupted_.load() ? MonotonicTime() : std::min(until, next_deadline());
  const absl::Span<Poller::Event> ready =
      poller_.Wait(events, clock_.SleepUntil(until));
  sleeps_.store(false, std::memory_order_relaxed);
  return ready;
}

void Reactor::Handle(const Poller::Event& event) {
  if (event.token == kWakeupToken) return wakeup_.Clear();
  const std::shared_ptr<Source> source = Find(event.token);
  if (source == nullptr) return;
  arrived_ += source->OnReady(event).value_or(0);
  if (!event.readable || event.token == last_ready_ || !source->CanBePolled()) {
    return;
  }
  const auto former = Find(std::exchange(last_ready_, event.token));
  if (former != nullptr) former->OnPollingPassed();
}

bool Reactor::RunTimers() {
  const MonotonicTime next = next_.load(std::memory_order_relaxed);
  if (next == kNoDeadline) return false;
  const MonotonicTime now = clock_.Now();
  if (now < next) return false;
  // A source that wants to be called again at once is, after the others.
  std::vector<std::weak_ptr<Source>> woken;
  {
    MutexLock lock(mu_);
    woken.swap(to_wake_);
    while (TimerQueue::Timer* const expired = timers_.TakeExpired(now)) {
      auto& timer = static_cast<Timer&>(*expired);
      woken.push_back(std::move(timer.source_));
      // Last, because afterwards its owner may release it without the lock.
      timer.reactor_.store(nullptr, std::memory_order_release);
    }
    UpdateNext();
  }
  for (const std::weak_ptr<Source>& each : woken) {
    if (auto source = each.lock()) source->OnWake();
  }
  return !woken.empty();
}

std::shared_ptr<Reactor::Source> Reactor::Find(uint64_t token) {
  MutexLock lock(mu_);
  auto it = sources_.find(token);
  return it == sources_.end() ? nullptr : it->second.lock();
}

}  // namespace fdrpc
