#ifndef FDRPC_OS_POLLING_TRIAL_H_
#define FDRPC_OS_POLLING_TRIAL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/monotonic_time.h"

namespace fdrpc {

// Measures whether polling or sleeping waits bring more arrivals in a given
// time, and chooses between the two.
//
// What one side of a connection measures depends on what the other side does:
// if one side sleeps, the other one's polling is of little use. So all
// processes of the machine try the two ways at the same time, according to the
// monotonic clock. It is divided into rounds of slots. In a trial all sleep in
// the first slot of a round, and all poll in the second one. While the choice
// stays the same, more and more rounds pass between two trials. When arrivals
// take twice as long as before, another process may need the CPU that polling
// takes. Then waits sleep, and the next pair of slots is a trial.
//
// Threads: one at a time, except for sleeps().
class PollingTrial {
 public:
  // 4.2 ms and 67 ms. A slot is as long as the scheduler's time slices, so that
  // the other processes run in it, too.
  static constexpr int kSlotBits = 22;  // of nanoseconds
  static constexpr int kRoundBits = kSlotBits + 4;

  // Whether a wait that begins now is to poll; otherwise it is to sleep.
  bool Polls(MonotonicTime now) {
    const int64_t slot = now.time_since_epoch().count() >> kSlotBits;
    if (slot != slot_) BeginSlot(slot);
    return !sleeps();
  }
  // Whether the last Polls() returned false. Any thread.
  bool sleeps() const { return sleeps_.load(std::memory_order_relaxed); }

  // A wait has ended, `passed` after the one before it, with so many arrivals.
  // `polled`: whether it polled; a wait that did not do what Polls() said does
  // not count.
  void Add(bool polled, std::chrono::nanoseconds passed, size_t arrivals);

 private:
  // The result of the waits of one way.
  struct Yield {
    void Add(int64_t time, int64_t count) {
      nanoseconds += time;
      arrivals += count;
    }
    int64_t PerArrival() const { return nanoseconds / arrivals; }
    void Age() {
      nanoseconds /= 2;
      arrivals /= 2;
    }

    int64_t nanoseconds = 0;
    int64_t arrivals = 0;
  };

  void BeginSlot(int64_t slot);
  void Choose();
  void LookWhetherSlower();
  void SetSleeps(bool sleeps) {
    sleeps_.store(sleeps, std::memory_order_relaxed);
  }

  int64_t slot_ = -1;
  bool measures_ = false;  // in this slot
  std::atomic<bool> sleeps_{false};
  bool chose_sleep_ = false;
  int64_t rounds_between_ = 1;  // a power of two
  int64_t extra_pair_ = -1;     // of slots, for an extra trial
  Yield polling_;
  Yield sleeping_;
  // Recent waits outside of the trials, and the time for each arrival that the
  // last choice promised.
  Yield of_late_;
  int64_t expected_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_POLLING_TRIAL_H_
