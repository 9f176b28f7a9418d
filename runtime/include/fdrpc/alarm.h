#ifndef FDRPC_ALARM_H_
#define FDRPC_ALARM_H_

#include <coroutine>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/loop.h"

namespace fdrpc {

// Calls a function, or goes on with a coroutine, after a time: for callbacks
// and coroutines, which must not block their thread (gRPC's Alarm).
//
//   fdrpc::Alarm alarm(loop);
//   alarm.Set(absl::Seconds(1), [](bool rang) { … });
//
//   const bool rang = co_await alarm.Wait(absl::Seconds(1));
//
// Has one time set at most: to set another one cancels it.
//
// Threads: Cancel() from any; the rest from one at a time. What it calls runs
// on the loop's thread, without a lock, never within these functions.
class Alarm {
 public:
  class Awaiter;

  // Keeps the loop.
  explicit Alarm(const Loop& loop);
  // In the loop of those that name none (fdrpc/loop.h), which has a thread of
  // its own. RESOURCE_EXHAUSTED if the system has none for it.
  static absl::StatusOr<Alarm> Create();
  Alarm(Alarm&&) noexcept;
  Alarm& operator=(Alarm&& other) noexcept;
  // Cancels. In a child after fork(2) that, as everything else here, does
  // nothing: the loop is the parent's.
  ~Alarm();

  // Calls `done` once: with true when `after` has passed (at once, if that is
  // not positive), with false when it has been cancelled.
  void Set(absl::Duration after, absl::AnyInvocable<void(bool rang)> done);
  // co_await: the same as a bool. Destroying a coroutine that waits takes the
  // time back; it must not go on on another thread meanwhile.
  Awaiter Wait(absl::Duration after);

  // Has what is set end now. Does nothing if nothing is, or it has ended.
  void Cancel();

 private:
  class Core;
  // A time that was set, and what to call then.
  class Time;
  using Function = absl::AnyInvocable<void(bool)>;
  explicit Alarm(std::shared_ptr<LoopCore> loop);

  static std::shared_ptr<Time> NewTime(const Core& core, absl::Duration after,
                                       Function done);
  static void Begin(Core& core, std::shared_ptr<Time> time);
  // Takes it back, without a call.
  static void Drop(Core& core, const std::shared_ptr<Time>& time);

  std::shared_ptr<Core> core_;
};

class [[nodiscard]] Alarm::Awaiter {
 public:
  Awaiter(const Alarm& alarm, absl::Duration after)
      : core_(alarm.core_), after_(after) {}
  // Before it is awaited.
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
    // Nothing behind it: this object may be gone by then.
    Begin(*core_, time_);
  }
  bool await_resume() { return rang_; }

 private:
  std::shared_ptr<Core> core_;
  const absl::Duration after_;
  std::shared_ptr<Time> time_;  // while it waits
  bool rang_ = false;
};

inline Alarm::Awaiter Alarm::Wait(absl::Duration after) {
  return Awaiter(*this, after);
}

}  // namespace fdrpc

#endif  // FDRPC_ALARM_H_
