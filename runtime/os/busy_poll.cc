#include "os/busy_poll.h"

#include <sched.h>

#include <algorithm>
#include <chrono>

namespace fdrpc {
namespace {

// A peer that polls answers in a few microseconds, one that must be woken in
// some tens: both are worth the next wait's polling.
constexpr std::chrono::microseconds kShortGap{120};
// Behind a gap like that the next ones will not be short either.
constexpr std::chrono::milliseconds kLongGap{1};
constexpr int kMostConfidence = 3;

constexpr int kPollsPerLook = 1024;

// So long after the polling, what came is taken for seen by it: it was read and
// handled meanwhile. A thread that was kept from running is away for longer.
constexpr std::chrono::microseconds kHandling{20};

// Polls that saw what they polled for add to the trust in polling, one in vain
// costs that of three: where a quarter is in vain, polling still pays.
constexpr int kMostTrust = 12;
constexpr int kTrustLost = 3;

// Waits without polling after a poll in vain that nothing is to be said for. At
// most so many that a poll that tries again costs little beside them, and few
// enough that a machine that has become quiet is soon noticed.
constexpr int kFewestWaits = 1;
constexpr int kMostWaits = 128;
constexpr int kPauseFactor = 4;
// The same if it was kept from the CPU for as long as others may have that at
// once, some milliseconds: such a try costs more.
constexpr int kMostWaitsAfterStall = 512;

}  // namespace

BusyPoll::BusyPoll(absl::Duration longest, Yields yields)
    : longest_(absl::ToChronoNanoseconds(
          std::clamp(longest, absl::ZeroDuration(), absl::Seconds(1)))),
      handling_(yields == Yields::kNo ? kHandling : kLongGap) {}

bool BusyPoll::HasSeveralCpus() {
  // As of a moment ago.
  constinit thread_local int polls_until_look = 0;
  constinit thread_local bool several = false;
  if (--polls_until_look < 0) {
    polls_until_look = kPollsPerLook;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    // Fails with EINVAL where there are more than 1,024 of them.
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
  const Wait sleep = {.began = now, .until = now};
  if (confidence_ == 0 || longest_ == Nanoseconds::zero() ||
      now - last_arrival_ > kShortGap || !HasSeveralCpus()) {
    return sleep;
  }
  if (waits_without_ > 0) {
    --waits_without_;
    return sleep;
  }
  return {.began = now, .until = now + longest_};
}

void BusyPoll::OnArrival(const Wait& wait, MonotonicTime now, Came came) {
  if (wait.polls() && came == Came::kLater) {
    OnPolled(now <= wait.until + handling_,
             now > wait.until + kLongGap ? kMostWaitsAfterStall : kMostWaits);
  }
  const auto gap = now - wait.began;
  if (gap <= kShortGap) {
    confidence_ = std::min(confidence_ + 1, kMostConfidence);
  } else {
    confidence_ = gap >= kLongGap ? 0 : std::max(confidence_ - 1, 0);
  }
  last_arrival_ = now;
}

void BusyPoll::OnPolled(bool seen, int most_waits) {
  if (seen) {
    trust_ = std::min(trust_ + 1, kMostTrust);
    if (trust_ == kMostTrust) pause_ = kFewestWaits;
    return;
  }
  trust_ = std::max(trust_ - kTrustLost, 0);
  if (trust_ > 0) return;
  waits_without_ = pause_;
  pause_ = std::min(pause_ * kPauseFactor, most_waits);
}

void YieldCpu() { sched_yield(); }

}  // namespace fdrpc
