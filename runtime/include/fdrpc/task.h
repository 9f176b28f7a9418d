#ifndef FDRPC_TASK_H_
#define FDRPC_TASK_H_

#include <atomic>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
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
  void unhandled_exception() noexcept { thrown_ = std::current_exception(); }
  void SetWaiter(std::coroutine_handle<> waiter) { waiter_ = waiter; }
  // Whether an exception has left the coroutine; throws it on.
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

// A coroutine that begins when it is awaited and gives a T. Owns the
// coroutine: destroying a task that has not ended destroys it where it waits.
// An exception that leaves the coroutine comes to whoever awaits it.
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
    struct Awaiter : Starter {
      T await_resume() { return this->coroutine.promise().TakeValue(); }
    };
    return Awaiter{{coroutine_}};
  }
  // To be awaited in its place: gives `instead()` if the coroutine has thrown.
  auto OrIfThrown(T (*instead)()) {
    struct Awaiter : Starter {
      T await_resume() {
        auto& promise = this->coroutine.promise();
        return promise.threw() ? instead() : promise.TakeValue();
      }
      T (*instead)();
    };
    return Awaiter{{coroutine_}, instead};
  }

 private:
  struct Starter {
    bool await_ready() { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) {
      coroutine.promise().SetWaiter(waiter);
      return coroutine;
    }
    Handle coroutine;
  };

  Handle coroutine_;
};

template <typename T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(Task<T>::Handle::from_promise(*this));
}

inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(Task<void>::Handle::from_promise(*this));
}

// A coroutine that runs by itself: begins at once, and goes when it ends. An
// exception that leaves it ends the process, as one that leaves a thread does.
struct DetachedTask {
  struct promise_type {
    DetachedTask get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

// What co_await gives for an awaitable: a task, a call that has begun, what a
// stream's functions return, an alarm's wait.
template <typename Awaitable>
decltype(auto) AwaiterOf(Awaitable&& awaitable) {
  if constexpr (requires {
                  std::forward<Awaitable>(awaitable).operator co_await();
                }) {
    return std::forward<Awaitable>(awaitable).operator co_await();
  } else {
    return std::forward<Awaitable>(awaitable);
  }
}
template <typename Awaitable>
using AwaitResult =
    decltype(AwaiterOf(std::declval<Awaitable>()).await_resume());

// Runs a task, or another awaitable of fdrpc, that nobody waits for: on this
// thread until it first waits. Drops what it gives. Owns it; what it borrows, a
// stream for instance, stays until it has ended.
template <typename Awaitable>
DetachedTask Spawn(Awaitable awaitable) {
  (void)co_await std::move(awaitable);
}
inline DetachedTask Spawn(Task<void> task) { co_await std::move(task); }

// Suspends as `awaiter` does, and leaves what that gives to whoever owns it.
template <typename Awaiter>
struct EndOf {
  bool await_ready() { return awaiter.await_ready(); }
  auto await_suspend(std::coroutine_handle<> waiter) {
    return awaiter.await_suspend(waiter);
  }
  void await_resume() {}
  Awaiter& awaiter;
};

// Runs a task, or another awaitable of fdrpc, and blocks until it has ended;
// not on the thread of the loop that it waits for. An exception that leaves the
// task comes to the caller.
template <typename Awaitable>
AwaitResult<Awaitable> BlockOn(Awaitable&& awaitable) {
  auto&& awaiter = AwaiterOf(std::forward<Awaitable>(awaitable));
  using Awaiter = std::remove_reference_t<decltype(awaiter)>;
  // Shared: who is told here may return before the other has told it.
  const auto ended = std::make_shared<std::atomic<bool>>(false);
  [](Awaiter& run, std::shared_ptr<std::atomic<bool>> to) -> DetachedTask {
    co_await EndOf<Awaiter>{run};
    to->store(true);
    to->notify_one();
  }(awaiter, ended);
  ended->wait(false);
  return awaiter.await_resume();
}

}  // namespace fdrpc

#endif  // FDRPC_TASK_H_
