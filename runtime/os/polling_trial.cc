#include "os/polling_trial.h"

#include <algorithm>
#include <chrono>

namespace fdrpc {
namespace {

// A longer time counts as this one: another thread had the CPU.
constexpr std::chrono::milliseconds kLongestMeasured{4};
// Fewer arrivals are not enough for a choice.
constexpr int64_t kFewestArrivals = 16;
// Sleeping is chosen if polling takes longer by a tenth, and polling again if
// it does not take longer. In between, the choice stays.
constexpr int64_t kTenthsThatPollingMayTake = 11;
// One in at most so many rounds is a trial: one round in four seconds while
// polling is better, and more while sleeping is better, since nothing else
// shows that a machine has become quiet.
constexpr int64_t kMostRoundsWhilePolling = 64;
constexpr int64_t kMostRoundsWhileSleeping = 4;
// After so many arrivals their rate is compared with the expected one.
constexpr int64_t kArrivalsPerLook = 64;
constexpr int64_t kMostOfExpected = 8;

constexpr int64_t kSlots =
    int64_t{1} << (PollingTrial::kRoundBits - PollingTrial::kSlotBits);

}  // namespace

void PollingTrial::Add(bool polled, std::chrono::nanoseconds passed,
                       size_t arrivals) {
  if (polled == sleeps()) return;
  const int64_t count = static_cast<int64_t>(arrivals);
  if (measures_) {
    (polled ? polling_ : sleeping_)
        .Add(std::min<std::chrono::nanoseconds>(passed, kLongestMeasured)
                 .count(),
             count);
  } else if (expected_ > 0) {
    // A few long times are not a change.
    of_late_.Add(std::min(passed.count(), kMostOfExpected * expected_ * count),
                 count);
    if (of_late_.arrivals >= kArrivalsPerLook) LookWhetherSlower();
  }
}

void PollingTrial::BeginSlot(int64_t slot) {
  slot_ = slot;
  const int64_t round = slot / kSlots;
  const int64_t place = slot % kSlots;
  if (measures_ && slot % 2 == 0) Choose();
  if ((round % rounds_between_ == 0 && place < 2) || slot / 2 == extra_pair_) {
    measures_ = true;
    SetSleeps(slot % 2 == 0);
    return;
  }
  measures_ = false;
  SetSleeps(chose_sleep_);
}

void PollingTrial::Choose() {
  if (polling_.arrivals >= kFewestArrivals &&
      sleeping_.arrivals >= kFewestArrivals) {
    const int64_t polling = polling_.PerArrival();
    const int64_t sleeping = sleeping_.PerArrival();
    const bool sleep =
        chose_sleep_ ? polling > sleeping
                     : polling > sleeping / 10 * kTenthsThatPollingMayTake;
    rounds_between_ =
        sleep != chose_sleep_
            ? 1
            : std::min(2 * rounds_between_, sleep ? kMostRoundsWhileSleeping
                                                  : kMostRoundsWhilePolling);
    chose_sleep_ = sleep;
    expected_ = sleep ? sleeping : polling;
    of_late_ = {};
  }
  polling_.Age();
  sleeping_.Age();
}

void PollingTrial::LookWhetherSlower() {
  if (of_late_.PerArrival() > 2 * expected_) {
    extra_pair_ = slot_ / 2 + 1;
    rounds_between_ = 1;
    chose_sleep_ = true;
    SetSleeps(true);
    expected_ = 0;
    polling_ = {};
    sleeping_ = {};
  }
  of_late_.Age();
}

}  // namespace fdrpc
