// The loop in users' programs: on a thread of theirs, and within another event
// loop.

#include "fdrpc/loop.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loop/loop_core.h"
#include "tests/loop/recording.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/foreign_loop.h"

namespace fdrpc {

// Replaces the class that uses loops (fdrpc/channel.h, which these tests do not
// have), and which alone knows the loop's parts.
class Channel {
 public:
  static LoopCore& CoreOf(const Loop& loop) { return *loop.core_; }
};

namespace testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LoopTest : public ::testing::Test {
 protected:
  LoopTest() {
    absl::StatusOr<Loop> loop = Loop::Create();
    EXPECT_TRUE(loop.ok()) << loop.status();
    loop_.emplace(*std::move(loop));
  }
  void PostNote(std::string name) {
    loop_->Post([this, name = std::move(name)] { calls_.push_back(name); });
  }
  LoopCore& core() { return Channel::CoreOf(*loop_); }

  ExpectSameDescriptors census_;
  Calls calls_;
  std::optional<Loop> loop_;
  LoopCore::Timer timer_;
};

TEST_F(LoopTest, CallsFunctionsInOrderAndNotWithinPost) {
  PostNote("a");
  loop_->Post([this] {
    PostNote("c");
    calls_.push_back("b");
  });
  EXPECT_THAT(calls_, IsEmpty());
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a", "b", "c"));
}

TEST_F(LoopTest, RunsOnAThreadOfTheUsers) {
  std::thread::id ran_on;
  std::jthread running([this] { loop_->Run(); });
  const std::thread::id id = running.get_id();
  loop_->Post([&] {
    ran_on = std::this_thread::get_id();
    loop_->Stop();
  });
  running.join();
  EXPECT_EQ(ran_on, id);
}

TEST_F(LoopTest, RunsAgainOnceItWasStopped) {
  for (int i = 0; i < 3; ++i) {
    loop_->Post([this] { loop_->Stop(); });
    loop_->Run();
  }
  std::jthread running([this] { loop_->Run(); });
  loop_->Stop();
}

TEST_F(LoopTest, CopiesAreHandlesToOneLoop) {
  Loop copy = *loop_;
  EXPECT_EQ(copy.fd(), loop_->fd());
  PostNote("a");
  loop_.reset();
  copy.RunReady();
  EXPECT_THAT(calls_, ElementsAre("a"));
}

TEST_F(LoopTest, WhatFunctionsHoldGoesOnceTheyAreCalledOrTheLoopGoes) {
  const DescriptorCensus before = TakeCensus();
  loop_->Post([file = FileWith("called")] {});
  loop_->RunReady();
  EXPECT_EQ(TakeCensus(), before);
  loop_->Post([file = FileWith("never called")] {});
  EXPECT_NE(TakeCensus(), before);
  loop_.reset();
}

TEST_F(LoopTest, CannotBeMadeAtTheLimitOfOpenFiles) {
  FaultInjection faults([](std::string_view name, size_t) {
    return FaultInjection::Fault{.error = name == "eventfd" ? EMFILE : 0};
  });
  EXPECT_EQ(Loop::Create().status().code(),
            absl::StatusCode::kResourceExhausted);
}

// ---- within another event loop

TEST_F(LoopTest, SaysHowLongToWait) {
  EXPECT_EQ(loop_->next_timeout(), absl::InfiniteDuration());
  PostNote("a");
  EXPECT_EQ(loop_->next_timeout(), absl::ZeroDuration());
  loop_->RunReady();
  EXPECT_EQ(loop_->next_timeout(), absl::InfiniteDuration());
  const auto source = std::make_shared<RecordingSource>("source", calls_);
  core().SetTimer(timer_, Clock::Real().Now() + std::chrono::hours(1), source);
  EXPECT_GT(loop_->next_timeout(), absl::Minutes(30));
  EXPECT_LE(loop_->next_timeout(), absl::Hours(1));
  core().SetTimer(timer_, Clock::Real().Now() - std::chrono::hours(1), source);
  EXPECT_EQ(loop_->next_timeout(), absl::ZeroDuration()) << "never negative";
}

TEST_F(LoopTest, IsDrivenByAnotherLoopForEverythingThatItWaitsFor) {
  ForeignLoop foreign(*loop_);
  UniqueFd ours, theirs;
  std::tie(ours, theirs) = SocketPair();
  const auto source = std::make_shared<RecordingSource>("source", calls_);
  ASSERT_TRUE(core().Watch(ours.get(), source, {.edge_triggered = true}).ok());
  // Each triggers the next: a function, a timer, a socket, another thread, and
  // back.
  int turns = 0;
  std::jthread poster;
  source->on_wake = [&] { ASSERT_EQ(write(theirs.get(), "x", 1), 1); };
  source->on_ready = [&](Poller::Event) {
    poster = std::jthread([&] {
      loop_->Post([&] {
        ++turns;
        core().SetTimer(timer_,
                        Clock::Real().Now() + std::chrono::microseconds(100),
                        source);
      });
    });
  };
  core().Wake(source);
  foreign.RunUntil([&] { return turns == 20; });
  poster.join();
  EXPECT_GE(calls_.size(), 40u);
}

TEST_F(LoopTest, IsDrivenByAnotherLoopUntilNothingIsLeft) {
  ForeignLoop foreign(*loop_);
  constexpr int kMany = 5000;
  int left = kMany;
  for (int i = 0; i < kMany; ++i) {
    loop_->Post([&] { --left; });
  }
  EXPECT_LT(foreign.RunUntil([&] { return left == 0; }), kMany);
}

TEST_F(LoopTest, LeavesAnotherLoopInPeaceWhenNothingIsToDo) {
  ForeignLoop foreign(*loop_);
  bool expired = false;
  const auto source = std::make_shared<RecordingSource>("source", calls_);
  source->on_wake = [&] { expired = true; };
  loop_->Stop();
  // The other loop sleeps by the kernel's time.
  core().SetTimer(timer_, Clock::Real().Now() + std::chrono::milliseconds(20),
                  source);
  // Once for the posted function, and once for the timer; the timer may be
  // late.
  EXPECT_LE(foreign.RunUntil([&] { return expired; }), 4);
}

TEST_F(LoopTest, RunsWhatManyThreadsPostWhileAnotherLoopDrivesIt) {
  ForeignLoop foreign(*loop_);
  constexpr int kThreads = 4;
  constexpr int kEach = 1000;
  int left = kThreads * kEach;  // the loop's thread's
  std::vector<std::jthread> posting;
  for (int thread = 0; thread < kThreads; ++thread) {
    posting.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        loop_->Post([&] { --left; });
      }
    });
  }
  foreign.RunUntil([&] { return left == 0; });
}

}  // namespace
}  // namespace testing
}  // namespace fdrpc
