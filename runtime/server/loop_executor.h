#ifndef FDRPC_SERVER_LOOP_EXECUTOR_H_
#define FDRPC_SERVER_LOOP_EXECUTOR_H_

#include <atomic>
#include <memory>
#include <utility>

#include "base/monotonic_time.h"
#include "fdrpc/call.h"
#include "loop/loop_core.h"
#include "server/executor.h"

namespace fdrpc {

// Runs a server within a loop, without a thread of its own. The loop also
// watches what the server waits for.
class LoopExecutor final : public Executor,
                           public std::enable_shared_from_this<LoopExecutor>,
                           private Continuation {
 public:
  explicit LoopExecutor(std::shared_ptr<LoopCore> loop)
      : loop_(std::move(loop)) {}

  // Implementation of Executor.
  void Post(Continuation& continuation) override {
    if (!inherited_by_fork()) loop_->Post(continuation);
  }
  bool Remove(Continuation& continuation) override {
    return !inherited_by_fork() && loop_->Remove(continuation);
  }
  bool DeferWrite(std::shared_ptr<DeferredWrite>) override { return false; }
  bool Park(Parker& parker, MonotonicTime deadline) override;
  bool PollsInPark() const override { return false; }
  bool TurnIsOver() const override {
    return loop_->OnThisThread() && loop_->TurnIsOver();
  }
  void OnTokenGiven(Parker::ThreadState, bool) override {}
  void PostUrgently(Continuation& continuation) override { Post(continuation); }
  void Stop() override { Post(*this); }
  // Runs the loop, unless another thread does.
  void AwaitEnd() override;
  bool RunsThisThread() const override { return loop_->OnThisThread(); }

 private:
  // Continuation: the last one of the server.
  void Run() override;

  const std::shared_ptr<LoopCore> loop_;
  std::atomic<bool> ended_{false};
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_LOOP_EXECUTOR_H_
