#ifndef FDRPC_TASK_H_
#define FDRPC_TASK_H_

#include <atomic>
#include <coroutine>
#include <memory>
#include <type_traits>
#include <utility>

#include "fdrpc/internal/awaiter_of.h"
#include "fdrpc/internal/detached_task.h"
#include "fdrpc/internal/task_promise.h"

namespace fdrpc {

// A coroutine that starts when it is awaited and returns a T. Owns the
// coroutine: destroying a task that has not ended destroys the coroutine where
// it waits. The awaiting coroutine gets an exception that leaves it. This type
// is minimal: the awaitables of fdrpc work in coroutines of any type.
template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::TaskPromise<T>;
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

  // Only once.
  auto operator co_await() {
    struct Awaiter : Starter {
      T await_resume() { return this->coroutine.promise().TakeValue(); }
    };
    return Awaiter{{coroutine_}};
  }
  // To be awaited in its place: returns `instead()` if the coroutine has
  // thrown.
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

namespace internal {

template <typename T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(Task<T>::Handle::from_promise(*this));
}

inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(Task<void>::Handle::from_promise(*this));
}

}  // namespace internal

// Runs a task, or another awaitable of fdrpc, that nobody waits for: on this
// thread until it first waits. Drops its result. Owns it; what it borrows, a
// stream for instance, must exist until it has ended.
template <typename Awaitable>
internal::DetachedTask Spawn(Awaitable awaitable) {
  (void)co_await std::move(awaitable);
}
inline internal::DetachedTask Spawn(Task<void> task) {
  co_await std::move(task);
}

// Runs a task, or another awaitable of fdrpc, and blocks until it has ended.
// Not on the thread of the loop that it waits for. An exception that leaves the
// task is thrown to the caller.
template <typename Awaitable>
internal::AwaitResult<Awaitable> BlockOn(Awaitable&& awaitable) {
  auto&& awaiter = internal::AwaiterOf(std::forward<Awaitable>(awaitable));
  using Awaiter = std::remove_reference_t<decltype(awaiter)>;
  // Shared: this thread may return before the other one has finished the
  // notification.
  const auto ended = std::make_shared<std::atomic<bool>>(false);
  [](Awaiter& run,
     std::shared_ptr<std::atomic<bool>> to) -> internal::DetachedTask {
    co_await internal::CompletionAwaiter<Awaiter>{run};
    to->store(true);
    to->notify_one();
  }(awaiter, ended);
  ended->wait(false);
  return awaiter.await_resume();
}

}  // namespace fdrpc

#endif  // FDRPC_TASK_H_
