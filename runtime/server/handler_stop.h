#ifndef FDRPC_SERVER_HANDLER_STOP_H_
#define FDRPC_SERVER_HANDLER_STOP_H_

#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "server/executor.h"

namespace fdrpc {

// Tells handlers to stop: a flag, and a std::stop_source that is made when a
// handler first asks for its token. Any thread.
class HandlerStop {
 public:
  HandlerStop() = default;
  HandlerStop(const HandlerStop&) = delete;
  HandlerStop& operator=(const HandlerStop&) = delete;

  // Requesting stop has two steps; the first may be made under a lock. False if
  // it was made before.
  bool Set() { return !set_.exchange(true, std::memory_order_acq_rel); }
  // The second makes the callbacks run that handlers registered, on a thread of
  // the executor, even if all threads that may run handlers do. Not on the
  // thread that requests stop: that may be polling within a handler's Read(),
  // with the handler's locks held, and a callback that blocks would keep it
  // from polling. `keep`, if there is still something, stays until they have
  // returned.
  void PostCallbacks(Executor& executor,
                     const std::weak_ptr<const void>& keep = {})
      ABSL_LOCKS_EXCLUDED(mu_);

  bool is_set() const { return set_.load(std::memory_order_acquire); }
  std::stop_token token() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  std::atomic<bool> set_{false};

  Mutex mu_;
  std::optional<std::stop_source> source_ ABSL_GUARDED_BY(mu_);
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_HANDLER_STOP_H_
