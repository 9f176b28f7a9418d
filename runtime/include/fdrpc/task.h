#ifndef FDRPC_TASK_H_
#define FDRPC_TASK_H_

#include <coroutine>
#include <cstdlib>
#include <future>
#include <optional>
#include <utility>

#include "fdrpc/language.h"

namespace fdrpc {

template <typename T>
class Task;

// What the promises of all tasks have in common: who goes on after them.
class TaskPromiseBase {
 public:
  std::suspend_always initial_suspend() noexcept { return {}; }
  auto final_suspend() noexcept {
    struct Resume {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<>) noexcept {
        return waiter;
      }
      void await_resume() noexcept {}
      std::coroutine_handle<> waiter;
    };
    return Resume{waiter_};
  }
  // fdrpc uses no exceptions; one that leaves a coroutine ends the process, as
  // one that leaves a thread does.
  void unhandled_exception() noexcept { std::abort(); }
  void SetWaiter(std::coroutine_handle<> waiter) { waiter_ = waiter; }

 private:
  std::coroutine_handle<> waiter_ = std::noop_coroutine();
};

template <typename T>
class TaskPromise : public TaskPromiseBase {
 public:
  Task<T> get_return_object();
  void return_value(T value) { value_.emplace(std::move(value)); }
  T TakeValue() { return *std::move(value_); }

 private:
  std::optional<T> value_;
};

template <>
class TaskPromise<void> : public TaskPromiseBase {
 public:
  Task<void> get_return_object();
  void return_void() {}
  void TakeValue() {}
};

// A coroutine that begins when it is awaited and gives a T. Owns the
// coroutine: destroying a task that has not ended destroys it where it waits.
// A minimal one: the awaitables of fdrpc work in coroutines of any type.
template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle coroutine) : coroutine_(coroutine) {}
  Task(Task&& other) noexcept
      : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    return *this;
  }
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  // Once.
  auto operator co_await() {
    struct Awaiter {
      bool await_ready() { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) {
        coroutine.promise().SetWaiter(waiter);
        return coroutine;
      }
      T await_resume() { return coroutine.promise().TakeValue(); }
      Handle coroutine;
    };
    return Awaiter{coroutine_};
  }

 private:
  Handle coroutine_;
};

template <typename T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(Task<T>::Handle::from_promise(*this));
}

inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(Task<void>::Handle::from_promise(*this));
}

// A coroutine that runs by itself: begins at once, and goes when it ends.
struct DetachedTask {
  struct promise_type {
    DetachedTask get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() noexcept { std::abort(); }
  };
};

// Runs a task that nobody waits for: on this thread until it first waits.
inline DetachedTask Spawn(Task<void> task) { co_await std::move(task); }

// Runs a task and blocks until it has ended; not on the thread of the loop that
// it waits for.
template <typename T>
T BlockOn(Task<T> task) {
  std::promise<T> result;
  [](Task<T> run, std::promise<T>& to) -> DetachedTask {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(run);
      to.set_value();
    } else {
      to.set_value(co_await std::move(run));
    }
  }(std::move(task), result);
  return result.get_future().get();
}

}  // namespace fdrpc

#endif  // FDRPC_TASK_H_
