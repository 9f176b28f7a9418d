#ifndef FDRPC_TESTS_SERVER_HANDLER_LOG_H_
#define FDRPC_TESTS_SERVER_HANDLER_LOG_H_

#include <cstddef>
#include <deque>
#include <string>
#include <utility>

#include "base/mutex.h"

namespace fdrpc::testing {

// What handlers report to a test that waits for it.
class HandlerLog {
 public:
  void Say(std::string what) {
    MutexLock lock(mu_);
    said_.push_back(std::move(what));
    changed_.Signal();
  }
  // Blocks until something is reported.
  std::string Next() {
    MutexLock lock(mu_);
    while (said_.empty()) changed_.Wait(mu_);
    std::string next = std::move(said_.front());
    said_.pop_front();
    return next;
  }
  bool empty() {
    MutexLock lock(mu_);
    return said_.empty();
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::deque<std::string> said_ ABSL_GUARDED_BY(mu_);
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVER_HANDLER_LOG_H_
