#ifndef FDRPC_INTERNAL_AWAITER_OF_H_
#define FDRPC_INTERNAL_AWAITER_OF_H_

#include <coroutine>
#include <utility>

#include "fdrpc/internal/language.h"

namespace fdrpc::internal {

// The awaiter of an awaitable: a task, a call that has started, the result of a
// stream's function, an alarm's wait.
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

// Suspends like `awaiter`, and leaves its result to its owner.
template <typename Awaiter>
struct CompletionAwaiter {
  bool await_ready() { return awaiter.await_ready(); }
  auto await_suspend(std::coroutine_handle<> waiter) {
    return awaiter.await_suspend(waiter);
  }
  void await_resume() {}
  Awaiter& awaiter;
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_AWAITER_OF_H_
