#ifndef FDRPC_LOOP_TIMER_QUEUE_H_
#define FDRPC_LOOP_TIMER_QUEUE_H_

#include <atomic>
#include <cstdint>

#include "base/monotonic_time.h"

namespace fdrpc {

// Timers in the order of their times, and timers with the same time in the
// order in which they were set. The timers belong to others and are linked in
// place, in a pairing heap, so no memory is allocated. Set() takes constant
// time, and so does Cancel() for most timers that are not the first; the other
// functions take O(log n), amortised. Reads no clock and has no lock: its owner
// guards it.
class TimerQueue {
 public:
  // Is in at most one queue, and must be cancelled before it is destroyed: it
  // cannot do that itself, because only its owner knows what guards the queue.
  class Timer {
   public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    // When it expires; kNoDeadline if it is not set. Without the guard of the
    // queue, another thread may be about to change this.
    MonotonicTime at() const { return at_.load(std::memory_order_relaxed); }

   private:
    friend class TimerQueue;

    bool IsBefore(const Timer& other) const {
      return at() != other.at() ? at() < other.at() : order_ < other.order_;
    }

    std::atomic<MonotonicTime> at_{kNoDeadline};
    uint64_t order_ = 0;      // among those with the same time
    Timer* child_ = nullptr;  // the first one
    Timer* next_ = nullptr;   // the next child of the same parent
    // The previous child of the same parent; for the first child, the parent.
    Timer* before_ = nullptr;
  };

  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  // Makes the timer expire at `at` instead of its former time; kNoDeadline:
  // never.
  void Set(Timer& timer, MonotonicTime at);
  // Does nothing if it is not set.
  void Cancel(Timer& timer);

  // When the first one expires; kNoDeadline if none is set.
  MonotonicTime next() const {
    return first_ == nullptr ? kNoDeadline : first_->at();
  }
  // Cancels and returns the first one, if it has expired; otherwise null.
  Timer* TakeExpired(MonotonicTime now);

 private:
  // Merges two heaps, of which either may be null.
  static Timer* Merge(Timer* a, Timer* b);
  // One heap of all timers from `first` on, which have been removed from their
  // parent.
  static Timer* MergeAll(Timer* first);

  Timer* first_ = nullptr;
  uint64_t next_order_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_LOOP_TIMER_QUEUE_H_
