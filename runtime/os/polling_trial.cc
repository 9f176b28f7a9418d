#include "os/polling_trial.h"

#include <algorithm>
#include <chrono>

namespace fdrpc {
namespace {

// What takes longer counts as so long: another had the CPU.
constexpr std::chrono::milliseconds kLongestMeasured{4};
// Fewer say nothing.
constexpr int64_t kFewestArrivals = 16;
// Sleeping is chosen where polling takes longer by a tenth, and polling again
// where it does not take longer: between, what is chosen stays.
constexpr int64_t kTenthsThatSleepingSaves = 11;
// Trials are in one of so many rounds: every four seconds while polling is
// better, and more often while sleeping is, since a machine that has become
// quiet does not show otherwise.
constexpr int64_t kMostRoundsWhilePolling = 64;
constexpr int64_t kMostRoundsWhileSleeping = 4;
// So many are looked at to see whether they come half as fast as before.
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
    // A few that took long are no change.
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
    const bool sleep = chose_sleep_
                           ? polling > sleeping
                           : polling > sleeping / 10 * kTenthsThatSleepingSaves;
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
