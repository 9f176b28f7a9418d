#ifndef FDRPC_ALARM_H_
#define FDRPC_ALARM_H_

#include <coroutine>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/loop.h"

namespace fdrpc {

// Calls a function, or resumes a coroutine, after a time: for callbacks and
// coroutines, which must not block their thread (gRPC's Alarm).
//
//   fdrpc::Alarm alarm(loop);
//   alarm.Set(absl::Seconds(1), [](bool rang) { … });
//
//   const bool rang = co_await alarm.Wait(absl::Seconds(1));
//
// It has at most one time; setting another one cancels the first.
//
// Threads: Cancel() from any thread, the other functions from one at a time.
// The function runs on the loop's thread, without a lock, and never within the
// functions of this class.
class FDRPC_API Alarm {
 public:
  class Awaiter;

  // Keeps the loop alive.
  explicit Alarm(const Loop& loop);
  // An alarm in the loop that channels without their own loop use
  // (fdrpc/loop.h), which has its own thread. RESOURCE_EXHAUSTED if the system
  // cannot make it.
  static absl::StatusOr<Alarm> Create();
  Alarm(Alarm&&) noexcept;
  Alarm& operator=(Alarm&& other) noexcept;
  // Cancels. In a child made by fork(2) this does nothing, like all functions
  // here: the loop is the parent's.
  ~Alarm();

  // Calls `done` once: with true after the time `after` (at once, if that is
  // not positive), or with false when the alarm is cancelled.
  void Set(absl::Duration after, absl::AnyInvocable<void(bool rang)> done);
  // For co_await: waits, and returns the same bool. Destroying a coroutine that
  // waits removes the time; the coroutine must not be resumed on another thread
  // meanwhile.
  Awaiter Wait(absl::Duration after);

  // Ends the present wait now. Does nothing if there is none.
  void Cancel();

 private:
  class Core;
  // A time that was set, and the function to call then.
  class Time;
  using Function = absl::AnyInvocable<void(bool)>;
  explicit Alarm(std::shared_ptr<LoopCore> loop);

  static std::shared_ptr<Time> NewTime(const Core& core, absl::Duration after,
                                       Function done);
  static void Begin(Core& core, std::shared_ptr<Time> time);
  // Removes the time, without calling its function.
  static void Drop(Core& core, const std::shared_ptr<Time>& time);

  std::shared_ptr<Core> core_;
};

class [[nodiscard]] Alarm::Awaiter {
 public:
  Awaiter(const Alarm& alarm, absl::Duration after)
      : core_(alarm.core_), after_(after) {}
  // Only before it is awaited.
  Awaiter(Awaiter&& other) noexcept
      : core_(std::move(other.core_)), after_(other.after_) {}
  ~Awaiter() {
    if (time_ != nullptr) Drop(*core_, time_);
  }

  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    time_ = NewTime(*core_, after_, [this, waiter](bool rang) {
      time_ = nullptr;
      rang_ = rang;
      waiter.resume();
    });
    // Last, because this object may be destroyed by now.
    Begin(*core_, time_);
  }
  bool await_resume() { return rang_; }

 private:
  std::shared_ptr<Core> core_;
  const absl::Duration after_;
  std::shared_ptr<Time> time_;  // during the wait
  bool rang_ = false;
};

inline Alarm::Awaiter Alarm::Wait(absl::Duration after) {
  return Awaiter(*this, after);
}

}  // namespace fdrpc

#endif  // FDRPC_ALARM_H_
