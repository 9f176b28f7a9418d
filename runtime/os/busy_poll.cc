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

// With polling, arrivals are to follow each other sooner by a tenth; while it
// is trusted, just sooner: what is measured varies by as much.
constexpr int kTenthsThatPay = 9;
// What takes longer counts as so long: another had the CPU.
constexpr std::chrono::milliseconds kLongestMeasured{4};
// So many waits without polling measure what that is like, after so many with
// it, which are more each time while polling pays; or, behind some, once things
// have become half as fast.
constexpr int kSample = 32;
constexpr int kFewestBetweenSamples = 2048;
constexpr int kMostBetweenSamples = 65'536;
constexpr int kFewestToLookAgain = 256;

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
      yields_(yields),
      polls_until_sample_(kFewestBetweenSamples),
      polls_between_samples_(kFewestBetweenSamples) {}

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
  Wait wait = {.began = now, .until = now};
  if (confidence_ == 0 || longest_ == Nanoseconds::zero() ||
      now - last_arrival_ > kShortGap || !HasSeveralCpus()) {
    return wait;
  }
  wait.expects_arrival = true;
  if (SleepsOnce()) return wait;
  if (--polls_until_sample_ < 0 || IsSlowerThanBefore()) {
    polling_before_ = polling_.value();
    polls_between_samples_ =
        Pays() ? std::min(2 * polls_between_samples_, kMostBetweenSamples)
               : kFewestBetweenSamples;
    polls_until_sample_ = polls_between_samples_;
    sleeping_.BeginAnew();
    waits_without_.store(kSample - 1, std::memory_order_relaxed);
    return wait;
  }
  wait.until = now + longest_;
  return wait;
}

void BusyPoll::OnArrival(const Wait& wait, MonotonicTime now, Came came,
                         size_t count) {
  const auto gap = now - wait.began;
  Measure(wait, now - last_arrival_, count);
  if (wait.polls() && came == Came::kLater) {
    const Nanoseconds handling = yields_ == Yields::kNo ? kHandling : kLongGap;
    OnPolled(now <= wait.until + handling && Pays(),
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

void BusyPoll::Measure(const Wait& wait, Nanoseconds passed, size_t count) {
  // Who lets others run meanwhile waits for one of several things that come.
  if (!wait.expects_arrival || yields_ == Yields::kYes || count == 0) return;
  const Nanoseconds one = std::min<Nanoseconds>(passed, kLongestMeasured) /
                          static_cast<int64_t>(count);
  // One that tries again says more than those long ago.
  if (wait.polls() && trust_ == 0 && one < polling_.value()) {
    polling_.BeginAnew();
  }
  (wait.polls() ? polling_ : sleeping_).Add(one);
}

bool BusyPoll::IsSlowerThanBefore() const {
  return polling_before_ != Nanoseconds::zero() &&
         polls_until_sample_ < polls_between_samples_ - kFewestToLookAgain &&
         polling_.value() > 2 * polling_before_;
}

bool BusyPoll::Pays() const {
  const Nanoseconds sleeping = sleeping_.value();
  if (sleeping == Nanoseconds::zero()) return true;
  return polling_.value() <
         (trust_ == kMostTrust ? sleeping : sleeping / 10 * kTenthsThatPay);
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
