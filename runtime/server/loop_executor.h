#ifndef FDRPC_SERVER_LOOP_EXECUTOR_H_
#define FDRPC_SERVER_LOOP_EXECUTOR_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "base/monotonic_time.h"
#include "fdrpc/call.h"
#include "loop/loop_core.h"
#include "os/poller.h"
#include "server/executor.h"

namespace fdrpc {

// Runs a server within a loop, without a thread of its own. Waits for the
// server's epoll set as one of the loop's descriptors.
class LoopExecutor final : public Executor,
                           public LoopCore::Source,
                           public std::enable_shared_from_this<LoopExecutor>,
                           private Continuation {
 public:
  // `pollable_fd`, borrowed until Stop() has taken effect, is readable when
  // there is something to poll. `poll` handles what there is, or a part of it,
  // without waiting; false if it found nothing. `next_deadline`: when there is
  // something to do even if nothing arrives. Both are called on the loop's
  // thread, without a lock.
  LoopExecutor(std::shared_ptr<LoopCore> loop, int pollable_fd,
               std::function<bool()> poll,
               std::function<MonotonicTime()> next_deadline)
      : loop_(std::move(loop)),
        pollable_fd_(pollable_fd),
        poll_(std::move(poll)),
        next_deadline_(std::move(next_deadline)) {}

  // Polls from now on, possibly before this returns. Errors of epoll_ctl(2).
  absl::Status Start();

  // Implementation of Executor.
  void Post(Continuation& continuation) override {
    if (!inherited_by_fork()) loop_->Post(continuation);
  }
  bool Remove(Continuation& continuation) override {
    return !inherited_by_fork() && loop_->Remove(continuation);
  }
  bool PutOff(std::shared_ptr<PutOffWrite>) override { return false; }
  bool Park(Parker& parker, MonotonicTime deadline) override;
  bool PollsInPark() const override { return false; }
  bool TurnIsOver() const override {
    return loop_->OnThisThread() && loop_->TurnIsOver();
  }
  void OnGiven(Parker::ThreadState, bool) override {}
  void PostUrgently(Continuation& continuation) override { Post(continuation); }
  void InterruptPoll() override;
  void Stop() override;
  // Runs the loop, unless another thread does.
  void AwaitEnd() override;
  bool RunsThisThread() const override { return loop_->OnThisThread(); }

 private:
  // Implementation of LoopCore::Source. The descriptor is an epoll set, and the
  // loop is notified again only when another descriptor in it becomes ready. So
  // it is polled until nothing is left, with other sources in between.
  void OnReady(Poller::Event) override { Poll(); }
  void OnWake() override { Poll(); }

  // Continuation: the last one of the server.
  void Run() override;

  void Poll();
  // Makes the loop call OnWake() at the next deadline.
  void Arm();

  const std::shared_ptr<LoopCore> loop_;
  const int pollable_fd_;
  const std::function<bool()> poll_;
  const std::function<MonotonicTime()> next_deadline_;

  uint64_t token_ = 0;  // constant once polls_ is set
  std::atomic<bool> polls_{false};
  std::atomic<bool> woken_{false};  // OnWake() will be called at once
  std::atomic<bool> ended_{false};

  // Used by the loop's thread.
  LoopCore::Timer timer_;
  bool stopping_ = false;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_LOOP_EXECUTOR_H_
