#ifndef FDRPC_TESTS_LOOP_RECORDING_H_
#define FDRPC_TESTS_LOOP_RECORDING_H_

#include <poll.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fdrpc/call.h"
#include "fdrpc/loop.h"
#include "gtest/gtest.h"
#include "loop/loop_core.h"

namespace fdrpc::testing {

inline std::shared_ptr<LoopCore> NewLoopCore(
    absl::Duration max_busy_poll = LoopOptions().max_busy_poll,
    const Clock& clock = Clock::Real()) {
  absl::StatusOr<std::shared_ptr<LoopCore>> loop =
      LoopCore::Create(max_busy_poll, clock);
  EXPECT_TRUE(loop.ok()) << loop.status();
  return *std::move(loop);
}

// What a loop has called, in order.
using Calls = std::vector<std::string>;

// Records that it is called, as "NAME ready", "NAME wake" or "NAME batch end".
class RecordingSource final : public LoopCore::Source {
 public:
  RecordingSource(std::string name, Calls& calls)
      : name_(std::move(name)), calls_(calls) {}

  // What the test does during the call.
  std::function<void(Poller::Event)> on_ready;
  std::function<void()> on_wake;
  std::function<void()> on_batch_end;

 private:
  std::optional<size_t> OnReady(Poller::Event event) override {
    calls_.push_back(name_ + " ready");
    if (on_ready) on_ready(event);
    return 1;
  }
  void OnWake() override {
    calls_.push_back(name_ + " wake");
    if (on_wake) on_wake();
  }
  void OnBatchEnd() override {
    calls_.push_back(name_ + " batch end");
    if (on_batch_end) on_batch_end();
  }

  const std::string name_;
  Calls& calls_;
};

// Calls a function of the test.
class FunctionContinuation final : public Continuation {
 public:
  explicit FunctionContinuation(std::function<void()> run)
      : run_(std::move(run)) {}
  void Run() override { run_(); }

 private:
  const std::function<void()> run_;
};

inline bool IsReadable(int fd) {
  pollfd polled = {.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&polled, 1, 0) == 1;
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_LOOP_RECORDING_H_
