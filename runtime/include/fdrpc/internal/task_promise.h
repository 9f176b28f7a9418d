#ifndef FDRPC_INTERNAL_TASK_PROMISE_H_
#define FDRPC_INTERNAL_TASK_PROMISE_H_

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "fdrpc/internal/language.h"

namespace fdrpc {

template <typename T>
class Task;

}  // namespace fdrpc

namespace fdrpc::internal {

// The common part of the promises of all tasks: which coroutine continues after
// them.
class TaskPromiseBase {
 public:
  std::suspend_always initial_suspend() noexcept { return {}; }
  auto final_suspend() noexcept {
    struct WaiterResumption {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<>) noexcept {
        return waiter;
      }
      void await_resume() noexcept {}
      std::coroutine_handle<> waiter;
    };
    return WaiterResumption{waiter_};
  }
  void unhandled_exception() noexcept { thrown_ = std::current_exception(); }
  void SetWaiter(std::coroutine_handle<> waiter) { waiter_ = waiter; }
  // Whether an exception has left the coroutine; Rethrow() throws it again.
  bool threw() const { return thrown_ != nullptr; }
  void Rethrow() {
    if (threw()) std::rethrow_exception(std::exchange(thrown_, nullptr));
  }

 private:
  std::coroutine_handle<> waiter_ = std::noop_coroutine();
  std::exception_ptr thrown_;
};

template <typename T>
class TaskPromise : public TaskPromiseBase {
 public:
  Task<T> get_return_object();
  void return_value(T value) { value_.emplace(std::move(value)); }
  T TakeValue() {
    Rethrow();
    return *std::move(value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class TaskPromise<void> : public TaskPromiseBase {
 public:
  Task<void> get_return_object();
  void return_void() {}
  void TakeValue() { Rethrow(); }
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_TASK_PROMISE_H_
