// How calls wait for a server that is not there: with one attempt at a time for
// all of them, whatever their form.

#include <atomic>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client/channel_core.h"
#include "client/connection_waits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/manual_clock.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using Stub = TestService::Stub;
using ::testing::HasSubstr;

class ReconnectingTest : public ::testing::Test {
 protected:
  ReconnectingTest()
      : loop_(*LoopCore::Create(absl::ZeroDuration(), clock_)),
        core_(std::make_shared<ChannelCore>([this] { return Connect(); },
                                            ChannelOptions(), loop_, clock_)),
        running_([this] { loop_->Run(); }) {}
  ~ReconnectingTest() override { StopLoop(); }

  void StopLoop() {
    loop_->Stop();
    if (running_.joinable()) running_.join();
  }
  absl::StatusOr<std::unique_ptr<Transport>> Connect() {
    ++attempts_;
    return outcome_.load() == absl::StatusCode::kOk
               ? absl::StatusOr<std::unique_ptr<Transport>>(nullptr)
               : absl::Status(outcome_.load(), "no server");
  }
  // Calls that wait, and are counted when they have ended so.
  void Call(int calls, absl::Duration timeout, absl::StatusCode end,
            std::latch& ended) {
    for (int i = 0; i < calls; ++i) {
      Stub(core_).async().Echo(
          Text(), {.timeout = timeout, .wait_for_ready = true},
          [&ended, end](absl::StatusOr<Text> reply) {
            EXPECT_EQ(reply.status().code(), end) << reply.status();
            ended.count_down();
          });
    }
  }
  template <typename Ends>
  void AdvanceUntilEnded(Ends ends) {
    clock_.AdvanceWhile(absl::Milliseconds(5), std::move(ends));
  }
  // So many as there may have been since `start`: two for each of the pauses,
  // which are short at first.
  int MostAttempts(MonotonicTime start) const {
    return 10 + static_cast<int>(2 * absl::FromChrono(clock_.Now() - start) /
                                 ConnectionWaits::kLongestPause);
  }

  ExpectSameDescriptors census_;
  ManualClock clock_;
  std::atomic<absl::StatusCode> outcome_{absl::StatusCode::kUnavailable};
  std::atomic<int> attempts_{0};
  std::shared_ptr<LoopCore> loop_;
  std::shared_ptr<ChannelCore> core_;
  std::thread running_;
};

TEST_F(ReconnectingTest, ManyCallsMakeNoMoreAttemptsThanOne) {
  constexpr int kCalls = 2000;
  const MonotonicTime start = clock_.Now();
  std::latch ended(kCalls);
  Call(kCalls, absl::Milliseconds(300), absl::StatusCode::kDeadlineExceeded,
       ended);
  AdvanceUntilEnded([&] { ended.wait(); });
  EXPECT_LE(attempts_, MostAttempts(start));
  EXPECT_GE(attempts_, 2);
}

TEST_F(ReconnectingTest, ThreadsThatWaitMakeNoMoreAttemptsThanOne) {
  const MonotonicTime start = clock_.Now();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([this, i] {
      if (i % 2 == 0) {
        EXPECT_EQ(core_->WaitForReady(absl::Milliseconds(200)).code(),
                  absl::StatusCode::kDeadlineExceeded);
        return;
      }
      const absl::Status status =
          Stub(core_)
              .Echo(Text(), {.timeout = absl::Milliseconds(100 + 10 * i),
                             .wait_for_ready = true})
              .status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
      EXPECT_THAT(std::string(status.message()), HasSubstr("no server"));
    });
  }
  AdvanceUntilEnded([&] { threads.clear(); });
  EXPECT_LE(attempts_, MostAttempts(start));
}

TEST_F(ReconnectingTest, ACallThatGoesLeavesNoTimerBehind) {
  std::latch ended(100);
  Call(100, absl::Milliseconds(100), absl::StatusCode::kDeadlineExceeded,
       ended);
  std::latch permitted(1);
  Call(1, absl::Hours(1), absl::StatusCode::kPermissionDenied, permitted);
  AdvanceUntilEnded([&] { ended.wait(); });
  outcome_ = absl::StatusCode::kPermissionDenied;
  AdvanceUntilEnded([&] { permitted.wait(); });
  StopLoop();
  core_.reset();
  loop_->RunReady();
  EXPECT_EQ(loop_->next_deadline(), kNoDeadline);
}

TEST_F(ReconnectingTest, AllEndAtOnceWithWhatWaitingDoesNotCure) {
  constexpr int kCalls = 500;
  std::latch ended(kCalls);
  Call(kCalls, absl::InfiniteDuration(), absl::StatusCode::kPermissionDenied,
       ended);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      EXPECT_EQ(
          Stub(core_).Echo(Text(), {.wait_for_ready = true}).status().code(),
          absl::StatusCode::kPermissionDenied);
    });
  }
  outcome_ = absl::StatusCode::kPermissionDenied;
  AdvanceUntilEnded([&] {
    ended.wait();
    threads.clear();
  });
}

TEST_F(ReconnectingTest, ACallThatDoesNotWaitMakesAnAttemptOfItsOwn) {
  std::latch ended(1);
  Call(1, absl::Milliseconds(100), absl::StatusCode::kDeadlineExceeded, ended);
  for (int i = 0; i < 100; ++i) {
    const int before = attempts_;
    EXPECT_EQ(Stub(core_).Echo(Text()).status().code(),
              absl::StatusCode::kUnavailable);
    EXPECT_GT(attempts_, before);
  }
  AdvanceUntilEnded([&] { ended.wait(); });
}

TEST_F(ReconnectingTest, CallsThatFoundTheServerBusyEndWhenItHasGone) {
  outcome_ = absl::StatusCode::kOk;  // busy
  constexpr int kCalls = 100;
  std::latch ended(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    Stub(core_).async().Echo(Text(), {}, [&](absl::StatusOr<Text> reply) {
      EXPECT_EQ(reply.status().code(), absl::StatusCode::kUnavailable);
      ended.count_down();
    });
  }
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      EXPECT_EQ(Stub(core_).Echo(Text()).status().code(),
                absl::StatusCode::kUnavailable);
    });
  }
  outcome_ = absl::StatusCode::kUnavailable;
  AdvanceUntilEnded([&] {
    ended.wait();
    threads.clear();
  });
}

TEST_F(ReconnectingTest, ACallThatIsCancelledLeavesTheAttemptsToTheOthers) {
  std::stop_source stop;
  std::latch cancelled(50);
  for (int i = 0; i < 50; ++i) {
    Stub(core_).async().Echo(
        Text(), {.wait_for_ready = true, .cancellation = stop.get_token()},
        [&](absl::StatusOr<Text> reply) {
          EXPECT_EQ(reply.status().code(), absl::StatusCode::kCancelled);
          cancelled.count_down();
        });
  }
  std::jthread thread([&] {
    EXPECT_EQ(Stub(core_)
                  .Echo(Text(), {.wait_for_ready = true,
                                 .cancellation = stop.get_token()})
                  .status()
                  .code(),
              absl::StatusCode::kCancelled);
  });
  std::latch ended(1);
  Call(1, absl::InfiniteDuration(), absl::StatusCode::kPermissionDenied, ended);
  stop.request_stop();
  cancelled.wait();
  thread.join();
  outcome_ = absl::StatusCode::kPermissionDenied;
  AdvanceUntilEnded([&] { ended.wait(); });
}

}  // namespace
}  // namespace fdrpc::testing
