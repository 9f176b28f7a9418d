#ifndef FDRPC_SERVER_UNSTARTED_CALLS_H_
#define FDRPC_SERVER_UNSTARTED_CALLS_H_

#include <atomic>
#include <deque>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "server/incoming_call.h"

namespace fdrpc {

// Calls of one connection whose handlers wait for room for their replies, in
// order. Any thread.
class UnstartedCalls {
 public:
  bool any() const { return any_; }
  // True if it is the only one.
  bool Add(std::shared_ptr<IncomingCall> call) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    calls_.push_back(std::move(call));
    return !any_.exchange(true);
  }
  // The first one, or null. `last`: whether it was the last one.
  std::shared_ptr<IncomingCall> Take(bool& last) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    last = calls_.size() == 1;
    if (calls_.empty()) return nullptr;
    std::shared_ptr<IncomingCall> first = std::move(calls_.front());
    calls_.pop_front();
    if (last) any_ = false;
    return first;
  }

 private:
  Mutex mu_;
  std::deque<std::shared_ptr<IncomingCall>> calls_ ABSL_GUARDED_BY(mu_);
  std::atomic<bool> any_{false};
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_UNSTARTED_CALLS_H_
