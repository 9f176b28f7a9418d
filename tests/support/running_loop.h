#ifndef FDRPC_TESTS_SUPPORT_RUNNING_LOOP_H_
#define FDRPC_TESTS_SUPPORT_RUNNING_LOOP_H_

#include <thread>
#include <utility>

#include "fdrpc/loop.h"
#include "gtest/gtest.h"

namespace fdrpc::testing {

inline Loop NewLoop() {
  absl::StatusOr<Loop> loop = Loop::Create();
  EXPECT_TRUE(loop.ok()) << loop.status();
  return *std::move(loop);
}

// A loop that runs on its own thread during this object's lifetime.
class RunningLoop {
 public:
  explicit RunningLoop(Loop loop = NewLoop()) : loop_(std::move(loop)) {}
  ~RunningLoop() { loop_.Stop(); }

  Loop& loop() { return loop_; }
  std::thread::id thread() const { return thread_.get_id(); }

 private:
  Loop loop_;
  std::jthread thread_{[this] { loop_.Run(); }};
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_RUNNING_LOOP_H_
