#ifndef FDRPC_INTERNAL_DETACHED_TASK_H_
#define FDRPC_INTERNAL_DETACHED_TASK_H_

#include <coroutine>
#include <exception>

#include "fdrpc/internal/language.h"

namespace fdrpc::internal {

// A coroutine that runs by itself: it starts at once, and is destroyed when it
// ends. An exception that leaves it ends the process, like one that leaves a
// thread.
struct DetachedTask {
  struct promise_type {
    DetachedTask get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_DETACHED_TASK_H_
