#ifndef FDRPC_OS_POLLING_TRIAL_H_
#define FDRPC_OS_POLLING_TRIAL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/monotonic_time.h"

namespace fdrpc {

// Measures whether waits that poll or waits that sleep bring more in a given
// time, and chooses.
//
// What one side of a connection measures depends on what the other side does:
// where one sleeps, the other one's polling is of little use. So all processes
// of the machine try the two ways at the same times, which they know from the
// monotonic clock. It is divided into rounds of slots. In the first slot of a
// round all sleep, and in the second one all poll. While the choice stays the
// same, more and more rounds go by between two trials. When arrivals take twice
// as long as they did, another process may need the CPU that polling takes:
// waits sleep, and the next pair of slots is a trial.
//
// One thread at a time, but for sleeps().
class PollingTrial {
 public:
  // 4.2 ms and 67 ms. A slot is as long as the scheduler's time slices, so that
  // the other processes run in it, too.
  static constexpr int kSlotBits = 22;  // of nanoseconds
  static constexpr int kRoundBits = kSlotBits + 4;

  // Whether a wait that begins now polls; it sleeps otherwise.
  bool Polls(MonotonicTime now) {
    const int64_t slot = now.time_since_epoch().count() >> kSlotBits;
    if (slot != slot_) BeginSlot(slot);
    return !sleeps();
  }
  // What the last Polls() did not say. Any thread.
  bool sleeps() const { return sleeps_.load(std::memory_order_relaxed); }

  // A wait ended so long after the one before it, with so many arrivals.
  // Whether it polled; waits that did not do what Polls() said say nothing.
  void Add(bool polled, std::chrono::nanoseconds passed, size_t arrivals);

 private:
  // What waits of one way brought.
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
  int64_t extra_pair_ = -1;     // of slots, for a trial out of turn
  Yield polling_;
  Yield sleeping_;
  // Of late, outside of the trials; and what the last choice let expect.
  Yield of_late_;
  int64_t expected_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_POLLING_TRIAL_H_
