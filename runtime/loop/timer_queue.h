#ifndef FDRPC_LOOP_TIMER_QUEUE_H_
#define FDRPC_LOOP_TIMER_QUEUE_H_

#include <atomic>
#include <cstdint>

#include "base/monotonic_time.h"

namespace fdrpc {

// Timers in the order of their times; those of one time in the order in which
// they were set. The timers belong to others and are linked in place, in a
// pairing heap: no memory is allocated. Set() takes constant time, and so does
// Cancel() for most timers that do not come first; the rest takes O(log n),
// amortized. Reads no clock and has no lock: who owns it guards it.
class TimerQueue {
 public:
  // Is in one queue at most, and is cancelled before it goes: it cannot do that
  // itself, since only its owner knows what guards the queue.
  class Timer {
   public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    // When it expires; kNoDeadline if it is not set. Without what guards the
    // queue, another thread may be about to change that.
    MonotonicTime at() const { return at_.load(std::memory_order_relaxed); }

   private:
    friend class TimerQueue;

    bool IsBefore(const Timer& other) const {
      return at() != other.at() ? at() < other.at() : order_ < other.order_;
    }

    std::atomic<MonotonicTime> at_{kNoDeadline};
    uint64_t order_ = 0;      // among those of one time
    Timer* child_ = nullptr;  // the first one
    Timer* next_ = nullptr;   // the next child of the same parent
    // The child before it of the same parent; of the first child, the parent.
    Timer* before_ = nullptr;
  };

  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  // Has the timer expire at `at`, and no more when it was set to before: never,
  // if that is kNoDeadline.
  void Set(Timer& timer, MonotonicTime at);
  // Does nothing if it is not set.
  void Cancel(Timer& timer);

  // When the first one expires; kNoDeadline if none is set.
  MonotonicTime next() const {
    return first_ == nullptr ? kNoDeadline : first_->at();
  }
  // Cancels the first one and returns it, if it has expired; else null.
  Timer* TakeExpired(MonotonicTime now);

 private:
  // One heap of two. A null one is empty.
  static Timer* Merge(Timer* a, Timer* b);
  // One heap of all from `first` on, which have been taken from their parent.
  static Timer* MergeAll(Timer* first);

  Timer* first_ = nullptr;
  uint64_t next_order_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_LOOP_TIMER_QUEUE_H_
