#include "os/busy_poll.h"

#include <sched.h>

#include <algorithm>
#include <chrono>

namespace fdrpc {
namespace {

// A peer that polls answers in a few microseconds, one that must be woken in
// some tens of them. Both are worth polling in the next wait.
constexpr std::chrono::microseconds kShortGap{120};
// After such a gap the next ones will not be short either.
constexpr std::chrono::milliseconds kLongGap{1};
constexpr int kMostConfidence = 3;

constexpr int kPollsPerLook = 1024;

// An arrival this long after the end of polling still counts as seen by
// polling: it was read and handled in between. A thread that was kept from
// running is away for longer.
constexpr std::chrono::microseconds kHandling{20};

// A successful poll adds 1 to the trust in polling, a poll in vain subtracts
// kTrustLost: polling still pays if a quarter of the polls is in vain.
constexpr int kMostTrust = 12;
constexpr int kTrustLost = 3;

// How many waits do not poll after a failed poll: between these limits. The
// upper one is large enough to make the next try cheap in comparison, and small
// enough that a machine that has become quiet is noticed soon.
constexpr int kFewestWaits = 1;
constexpr int kMostWaits = 128;
constexpr int kPauseFactor = 4;
// The upper limit if the poll was kept from the CPU for a time slice of another
// thread, some milliseconds: such a try costs more.
constexpr int kMostWaitsAfterStall = 512;

}  // namespace

BusyPoll::BusyPoll(absl::Duration longest, Yielding yielding)
    : longest_(absl::ToChronoNanoseconds(
          std::clamp(longest, absl::ZeroDuration(), absl::Seconds(1)))),
      yielding_(yielding) {}

bool BusyPoll::HasSeveralCpus() {
  // A recent result of sched_getaffinity(2).
  constinit thread_local int polls_until_look = 0;
  constinit thread_local bool several = false;
  if (--polls_until_look < 0) {
    polls_until_look = kPollsPerLook;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    // EINVAL means that there are more than 1,024 CPUs.
    several =
        sched_getaffinity(0, sizeof(cpus), &cpus) != 0 || CPU_COUNT(&cpus) > 1;
  }
  return several;
}

void BusyPoll::PrepareSystemCalls() {
  static const bool done = [] {
    (void)HasSeveralCpus();
    YieldCpu();
    return true;
  }();
  (void)done;
}

BusyPoll::Wait BusyPoll::Begin(MonotonicTime now) {
  Wait wait = {.began = now, .until = now};
  if (confidence_ == 0 || longest_ == Nanoseconds::zero() ||
      now - last_arrival_ > kShortGap || !HasSeveralCpus()) {
    return wait;
  }
  wait.expects_arrival = true;
  if (SleepsOnce()) return wait;
  if (yielding_ == Yielding::kNo && !trial_.Polls(now)) return wait;
  wait.until = now + longest_;
  return wait;
}

void BusyPoll::OnArrival(const Wait& wait, MonotonicTime now, Arrival arrival,
                         size_t count) {
  const auto gap = now - wait.began;
  // With Yielding::kYes the thread waits for one of several arrivals, which
  // says nothing about the rate.
  if (wait.expects_arrival && yielding_ == Yielding::kNo) {
    trial_.Add(wait.polls(), now - last_arrival_, count);
  }
  if (wait.polls() && arrival == Arrival::kLater) {
    const Nanoseconds handling =
        yielding_ == Yielding::kNo ? kHandling : kLongGap;
    OnPolled(now <= wait.until + handling,
             now > wait.until + kLongGap ? kMostWaitsAfterStall : kMostWaits);
  }
  if (gap <= kShortGap) {
    confidence_ = std::min(confidence_ + 1, kMostConfidence);
  } else {
    confidence_ = gap >= kLongGap ? 0 : std::max(confidence_ - 1, 0);
  }
  last_arrival_ = now;
}

bool BusyPoll::SleepsOnce() {
  const int left = waits_without_.load(std::memory_order_relaxed);
  if (left == 0) return false;
  waits_without_.store(left - 1, std::memory_order_relaxed);
  return true;
}

void BusyPoll::OnPolled(bool of_use, int most_waits) {
  if (of_use) {
    trust_ = std::min(trust_ + 1, kMostTrust);
    if (trust_ == kMostTrust) pause_ = kFewestWaits;
    return;
  }
  trust_ = std::max(trust_ - kTrustLost, 0);
  if (trust_ > 0) return;
  waits_without_.store(pause_, std::memory_order_relaxed);
  pause_ = std::min(pause_ * kPauseFactor, most_waits);
}

void YieldCpu() { sched_yield(); }

}  // namespace fdrpc
