#ifndef FDRPC_TESTS_SERVER_FAKE_EXECUTOR_H_
#define FDRPC_TESTS_SERVER_FAKE_EXECUTOR_H_

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "call/continuation_queue.h"
#include "server/executor.h"

namespace fdrpc::testing {

// Runs what is posted when the test says so. One thread, except for Park().
class FakeExecutor final : public Executor {
 public:
  std::atomic<int> parked = 0;  // how often

  // Runs what is posted, and what that posts. Returns how much it was.
  int RunPosted() {
    int count = 0;
    while (RunNext()) ++count;
    return count;
  }
  // False if nothing is posted.
  bool RunNext() {
    Continuation* const next = posted_.PopFront();
    if (next != nullptr) next->Run();
    return next != nullptr;
  }
  bool nothing_posted() const { return posted_.empty(); }
  // From now on writes are deferred, until WriteDeferred().
  void Defer() { defers_ = true; }
  void WriteDeferred() {
    defers_ = false;
    for (const auto& write : std::exchange(deferred_, {})) write->WriteNow();
  }

  // Implementation of Executor.
  void Post(Continuation& continuation) override {
    posted_.PushBack(continuation);
  }
  bool Remove(Continuation& continuation) override {
    return posted_.Remove(continuation);
  }
  bool DeferWrite(std::shared_ptr<DeferredWrite> write) override {
    if (defers_) deferred_.push_back(std::move(write));
    return defers_;
  }
  bool Park(Parker& parker, MonotonicTime deadline) override {
    ++parked;
    return parker.Park(deadline);
  }
  bool PollsInPark() const override { return false; }
  void OnTokenGiven(Parker::ThreadState, bool) override {}
  void PostUrgently(Continuation& continuation) override { Post(continuation); }
  void Stop() override {}
  void AwaitEnd() override {}
  bool RunsThisThread() const override { return false; }

 private:
  ContinuationQueue posted_;
  bool defers_ = false;
  std::vector<std::shared_ptr<DeferredWrite>> deferred_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVER_FAKE_EXECUTOR_H_
