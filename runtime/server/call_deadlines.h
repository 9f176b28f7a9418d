#ifndef FDRPC_SERVER_CALL_DEADLINES_H_
#define FDRPC_SERVER_CALL_DEADLINES_H_

#include <atomic>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "loop/timer_queue.h"

namespace fdrpc {

class IncomingCall;

// The calls of a server whose deadlines somebody waits for. A call that never
// waits costs nothing here. Any thread.
class CallDeadlines {
 public:
  // The deadline of a call, a member of the call.
  class Timer final : public TimerQueue::Timer {
   public:
    explicit Timer(IncomingCall& call) : call_(call) {}

   private:
    friend class CallDeadlines;
    IncomingCall& call_;
  };

  // Borrows the call until Remove(), or until TakeExpired() returns it. True if
  // no other call has an earlier deadline.
  bool Add(IncomingCall& call) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(IncomingCall& call) ABSL_LOCKS_EXCLUDED(mu_);

  // The earliest deadline.
  MonotonicTime next() const { return next_.load(std::memory_order_acquire); }
  // Removes and returns the calls whose deadlines have passed.
  std::vector<std::shared_ptr<IncomingCall>> TakeExpired(MonotonicTime now)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void UpdateNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    next_.store(timers_.next(), std::memory_order_release);
  }

  Mutex mu_;
  TimerQueue timers_ ABSL_GUARDED_BY(mu_);
  // The earliest deadline of the queue, to be read without the lock.
  std::atomic<MonotonicTime> next_{kNoDeadline};
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_DEADLINES_H_
