// What runs on a loop, continuations and functions, until it is stopped: on a
// thread, or driven by another loop.

#include "loop/loop_core.h"

#include <cerrno>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "fdrpc/loop.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/loop/recording.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/manual_clock.h"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// More than a loop runs before it looks at descriptors again.
constexpr int kMany = 1000;

class LoopCoreTest : public ::testing::Test {
 protected:
  // A turn of the loop ends early when it has taken long.
  LoopCoreTest() { loop_ = NewLoopCore(absl::ZeroDuration(), clock_); }
  bool Readable() const { return IsReadable(loop_->fd()); }
  // A continuation that records that it has run.
  std::unique_ptr<FunctionContinuation> Noting(std::string name) {
    return std::make_unique<FunctionContinuation>(
        [this, name = std::move(name)] { calls_.push_back(name); });
  }

  ExpectSameDescriptors census_;
  ManualClock clock_;
  Calls calls_;
  std::shared_ptr<LoopCore> loop_;
  const std::unique_ptr<FunctionContinuation> a_ = Noting("a");
  const std::unique_ptr<FunctionContinuation> b_ = Noting("b");
  const std::unique_ptr<FunctionContinuation> c_ = Noting("c");
};

TEST_F(LoopCoreTest, HasNothingToDoAtFirst) {
  EXPECT_FALSE(Readable());
  EXPECT_EQ(loop_->next_deadline(), kNoDeadline);
  loop_->RunReady();
  EXPECT_FALSE(Readable());
}

TEST_F(LoopCoreTest, RunsContinuationsInOrderAndNotWithinPost) {
  loop_->Post(*a_);
  loop_->Post(*b_);
  loop_->Post(*c_);
  EXPECT_THAT(calls_, IsEmpty());
  EXPECT_EQ(loop_->next_deadline(), MonotonicTime()) << "something to do now";
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a", "b", "c"));
  EXPECT_EQ(loop_->next_deadline(), kNoDeadline);
  loop_->RunReady();
  EXPECT_EQ(calls_.size(), 3u) << "each once";
}

TEST_F(LoopCoreTest, RunsNoneWithinPostOnItsOwnThreadEither) {
  FunctionContinuation posting([this] {
    loop_->Post(*a_);
    calls_.push_back("posted");
  });
  loop_->Post(posting);
  loop_->Post(*b_);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("posted", "b", "a"));
}

TEST_F(LoopCoreTest, RunsFunctionsAmongTheContinuations) {
  loop_->Post(*a_);
  loop_->Post([this] { calls_.push_back("function"); });
  loop_->Post(*b_);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a", "function", "b"));
}

TEST_F(LoopCoreTest, DoesNotRunWhatIsRemoved) {
  loop_->Post(*a_);
  loop_->Post(*b_);
  loop_->Post(*c_);
  EXPECT_TRUE(loop_->Remove(*b_));
  EXPECT_FALSE(loop_->Remove(*b_));
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a", "c"));
  EXPECT_FALSE(loop_->Remove(*a_)) << "it has run";
}

TEST_F(LoopCoreTest, AContinuationMayRemoveTheNextOneButNotItself) {
  FunctionContinuation* self = nullptr;
  FunctionContinuation removing([&] {
    EXPECT_FALSE(loop_->Remove(*self)) << "it has begun to run";
    EXPECT_TRUE(loop_->Remove(*a_));
  });
  self = &removing;
  loop_->Post(removing);
  loop_->Post(*a_);
  loop_->Post(*b_);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("b"));
}

TEST_F(LoopCoreTest, AContinuationMayGoAsItRuns) {
  std::unique_ptr<FunctionContinuation> own;
  own = std::make_unique<FunctionContinuation>([&] { own.reset(); });
  loop_->Post(*own);
  loop_->Post(*a_);
  loop_->RunReady();
  EXPECT_EQ(own, nullptr);
  EXPECT_THAT(calls_, ElementsAre("a"));
}

TEST_F(LoopCoreTest, KnowsItsThreadWhileItRuns) {
  EXPECT_FALSE(loop_->OnThisThread());
  FunctionContinuation asking([this] {
    EXPECT_TRUE(loop_->OnThisThread());
    std::jthread([this] { EXPECT_FALSE(loop_->OnThisThread()); });
  });
  loop_->Post(asking);
  loop_->RunReady();
  EXPECT_FALSE(loop_->OnThisThread());
}

TEST_F(LoopCoreTest, MayBeRunWithinAnother) {
  const std::shared_ptr<LoopCore> inner = NewLoopCore();
  FunctionContinuation within([&] {
    EXPECT_TRUE(inner->OnThisThread());
    EXPECT_FALSE(loop_->OnThisThread());
    loop_->Post(*a_);
  });
  FunctionContinuation around([&] {
    inner->Post(within);
    inner->RunReady();
    EXPECT_TRUE(loop_->OnThisThread());
    EXPECT_FALSE(inner->OnThisThread());
  });
  loop_->Post(around);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a"));
}

TEST_F(LoopCoreTest, MayBeRunWithinItself) {
  FunctionContinuation around([&] {
    loop_->Post(*a_);
    loop_->RunReady();
    calls_.push_back("around");
    EXPECT_TRUE(loop_->OnThisThread());
    loop_->Post(*b_);
  });
  loop_->Post(around);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a", "around", "b"));
  EXPECT_FALSE(loop_->OnThisThread());
}

// ---- Run() and Stop()

TEST_F(LoopCoreTest, RunsOnAThreadUntilAnotherStopsIt) {
  std::thread::id ran_on;
  std::jthread running([this] { loop_->Run(); });
  FunctionContinuation noting([&] {
    ran_on = std::this_thread::get_id();
    EXPECT_TRUE(loop_->OnThisThread());
  });
  const std::thread::id id = running.get_id();
  loop_->Post(noting);
  FunctionContinuation last(
      [this] { std::jthread([this] { loop_->Stop(); }); });
  loop_->Post(last);
  running.join();
  EXPECT_EQ(ran_on, id);
}

TEST_F(LoopCoreTest, IsStoppedWhileItWaits) {
  for (int i = 0; i < 100; ++i) {
    std::jthread running([this] { loop_->Run(); });
    loop_->Stop();
  }
}

TEST_F(LoopCoreTest, IsStoppedByAContinuation) {
  FunctionContinuation stopping([this] {
    calls_.push_back("stop");
    loop_->Stop();
  });
  loop_->Post(*a_);
  loop_->Post(stopping);
  loop_->Run();
  EXPECT_THAT(calls_, ElementsAre("a", "stop"));
}

TEST_F(LoopCoreTest, AStopBeforeItRunsCountsOnce) {
  loop_->Stop();
  loop_->Stop();
  loop_->Run();
  FunctionContinuation stopping([this] {
    calls_.push_back("stop");
    loop_->Stop();
  });
  loop_->Post(stopping);
  loop_->Run();
  EXPECT_THAT(calls_, ElementsAre("stop"));
}

TEST_F(LoopCoreTest, WhatIsLeftAfterAStopRunsTheNextTime) {
  loop_->Stop();
  loop_->Post(*a_);
  loop_->Run();
  EXPECT_THAT(calls_, IsEmpty());
  EXPECT_TRUE(Readable());
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a"));
}

TEST_F(LoopCoreTest, AStopIsNothingToDoForWhoDrivesIt) {
  loop_->Stop();
  loop_->RunReady();
  EXPECT_FALSE(Readable());
  EXPECT_EQ(loop_->next_deadline(), kNoDeadline);
  FunctionContinuation stopping([this] { loop_->Stop(); });
  loop_->Post(stopping);
  loop_->RunReady();
  EXPECT_FALSE(Readable());
}

// ---- driven by another loop

TEST_F(LoopCoreTest, IsReadableFromPostUntilAllHasRun) {
  loop_->Post(*a_);
  EXPECT_TRUE(Readable());
  loop_->Post(*b_);
  EXPECT_TRUE(Readable());
  loop_->RunReady();
  EXPECT_FALSE(Readable());
  std::jthread([this] { loop_->Post(*a_); });
  EXPECT_TRUE(Readable()) << "also by another thread";
  loop_->RunReady();
  EXPECT_FALSE(Readable());
  EXPECT_THAT(calls_, ElementsAre("a", "b", "a"));
}

TEST_F(LoopCoreTest, StaysReadableAsLongAsAnythingIsLeft) {
  std::vector<std::unique_ptr<FunctionContinuation>> many;
  for (int i = 0; i < kMany; ++i) {
    many.push_back(Noting(std::to_string(i)));
    loop_->Post(*many.back());
  }
  int rounds = 0;
  while (Readable()) {
    EXPECT_EQ(loop_->next_deadline(), MonotonicTime());
    loop_->RunReady();
    ++rounds;
  }
  EXPECT_GT(rounds, 1) << "others have their turn in between";
  ASSERT_EQ(calls_.size(), size_t{kMany});
  for (int i = 0; i < kMany; ++i) EXPECT_EQ(calls_[i], std::to_string(i));
}

TEST_F(LoopCoreTest, StaysReadableForWhatAContinuationPosts) {
  int left = kMany;
  FunctionContinuation* self = nullptr;
  FunctionContinuation again([&] {
    if (--left > 0) loop_->Post(*self);
  });
  self = &again;
  loop_->Post(again);
  int rounds = 0;
  while (Readable()) {
    loop_->RunReady();
    ++rounds;
  }
  EXPECT_EQ(left, 0);
  EXPECT_GT(rounds, 1) << "one that goes on for ever keeps nobody out";
}

TEST_F(LoopCoreTest, StaysReadableForWhatAnotherThreadPostsMeanwhile) {
  // The first one of a full round, so that the posted one is left.
  std::vector<std::unique_ptr<FunctionContinuation>> many;
  FunctionContinuation posting(
      [&] { std::jthread([this] { loop_->Post(*a_); }); });
  loop_->Post(posting);
  for (int i = 0; i < 255; ++i) {
    many.push_back(std::make_unique<FunctionContinuation>([] {}));
    loop_->Post(*many.back());
  }
  loop_->RunReady();
  EXPECT_THAT(calls_, IsEmpty());
  EXPECT_TRUE(Readable());
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a"));
  loop_->RunReady();
  EXPECT_FALSE(Readable());
}

// ---- the rest

TEST_F(LoopCoreTest, FunctionsThatNeverRanGoWithIt) {
  const auto held = std::make_shared<int>();
  loop_->Post([held] {});
  loop_->Post(*a_);
  loop_->Post([held] {});
  EXPECT_EQ(held.use_count(), 3);
  loop_.reset();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_THAT(calls_, IsEmpty());
}

TEST_F(LoopCoreTest, AFunctionGoesOnceItHasRun) {
  const auto held = std::make_shared<int>();
  loop_->Post([held] { EXPECT_EQ(held.use_count(), 2); });
  loop_->RunReady();
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(LoopCoreTest, CannotBeMadeWithoutDescriptors) {
  for (const char* call : {"epoll_create1", "eventfd", "epoll_ctl"}) {
    FaultInjection faults([&](std::string_view name, size_t) {
      return FaultInjection::Fault{.error = name == call ? EMFILE : 0};
    });
    EXPECT_EQ(LoopCore::Create(LoopOptions().max_busy_poll).status().code(),
              absl::StatusCode::kResourceExhausted)
        << call;
  }
}

// ---- threads: worth most under the thread sanitizer

TEST_F(LoopCoreTest, RunsWhatManyThreadsPost) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  std::vector<std::vector<int>> ran(kThreads);  // the loop's thread's
  int all = 0;
  std::jthread running([this] { loop_->Run(); });
  {
    std::vector<std::jthread> posting;
    for (int thread = 0; thread < kThreads; ++thread) {
      posting.emplace_back([&, thread] {
        for (int i = 0; i < kEach; ++i) {
          loop_->Post([&, thread, i] {
            ran[thread].push_back(i);
            if (++all == kThreads * kEach) loop_->Stop();
          });
        }
      });
    }
  }
  running.join();
  for (const std::vector<int>& of_one : ran) {
    ASSERT_EQ(of_one.size(), size_t{kEach});
    for (int i = 0; i < kEach; ++i) ASSERT_EQ(of_one[i], i) << "in its order";
  }
}

TEST_F(LoopCoreTest, EachContinuationRunsOrIsRemoved) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  std::vector<int> ran(kThreads, 0);  // the loop's thread's
  std::vector<int> removed(kThreads, 0);
  std::jthread running([this] { loop_->Run(); });
  {
    std::vector<std::jthread> posting;
    for (int thread = 0; thread < kThreads; ++thread) {
      posting.emplace_back([&, thread] {
        for (int i = 0; i < kEach; ++i) {
          std::promise<void> done;
          FunctionContinuation continuation([&] {
            ++ran[thread];
            done.set_value();
          });
          loop_->Post(continuation);
          if (loop_->Remove(continuation)) {
            ++removed[thread];
          } else {
            done.get_future().wait();
          }
        }
      });
    }
  }
  loop_->Stop();
  running.join();
  for (int thread = 0; thread < kThreads; ++thread) {
    EXPECT_EQ(ran[thread] + removed[thread], kEach);
  }
}

}  // namespace
}  // namespace fdrpc::testing
