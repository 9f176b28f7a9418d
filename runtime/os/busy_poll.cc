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

}  // namespace

BusyPoll::BusyPoll(absl::Duration longest)
    : longest_(absl::ToChronoNanoseconds(
          std::clamp(longest, absl::ZeroDuration(), absl::Seconds(1)))) {}

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

MonotonicTime BusyPoll::Begin(MonotonicTime now) {
  began_ = now;
  if (confidence_ == 0 || longest_ == Nanoseconds::zero() ||
      now - last_arrival_ > kShortGap || !HasSeveralCpus()) {
    return now;
  }
  return now + longest_;
}

void BusyPoll::OnArrival(MonotonicTime now) {
  const auto gap = now - began_;
  if (gap <= kShortGap) {
    confidence_ = std::min(confidence_ + 1, kMostConfidence);
  } else {
    confidence_ = gap >= kLongGap ? 0 : std::max(confidence_ - 1, 0);
  }
  last_arrival_ = now;
}

void YieldCpu() { sched_yield(); }

}  // namespace fdrpc
