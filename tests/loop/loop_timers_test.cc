// The timers of a loop.
#include <chrono>
#include <memory>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loop/loop_core.h"
#include "tests/loop/loop_sources_fixture.h"
#include "tests/loop/recording.h"
#include "tests/support/manual_clock.h"

namespace fdrpc::testing {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

MonotonicTime Now() { return Clock::Real().Now(); }

using LoopTimersTest = LoopSourcesTest;

TEST_F(LoopTimersTest, CallsThoseThatHaveExpiredInTheOrderOfTheirTimes) {
  const MonotonicTime now = Now();
  WakeAt(now - seconds(1), c_);
  WakeAt(now - seconds(3), a_);
  WakeAt(now - seconds(2), b_);
  WakeAt(now + hours(1), a_);
  EXPECT_EQ(loop_->next_deadline(), now - seconds(3));
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a wake", "b wake", "c wake"));
  EXPECT_EQ(loop_->next_deadline(), now + hours(1));
  loop_->RunReady();
  EXPECT_EQ(calls_.size(), 3u) << "each once";
}

TEST_F(LoopTimersTest, CallsThoseOfOneTimeInTheOrderInWhichTheyCame) {
  const MonotonicTime past = Now() - seconds(1);
  WakeAt(past, b_);
  WakeAt(past, a_);
  WakeAt(past, c_);
  WakeAt(past, a_);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("b wake", "a wake", "c wake", "a wake"));
}

TEST_F(LoopTimersTest, CallsNoneBeforeItsTime) {
  const MonotonicTime start = Now();
  const MonotonicTime first = start + microseconds(1500);
  const MonotonicTime second = start + milliseconds(3);
  WakeAt(second, b_);
  WakeAt(first, a_);
  EXPECT_EQ(loop_->next_deadline(), first);
  a_->on_wake = [&] { EXPECT_GE(Now(), first); };
  b_->on_wake = [&] {
    EXPECT_GE(Now(), second);
    loop_->Stop();
  };
  loop_->Run();
  EXPECT_THAT(calls_, ElementsAre("a wake", "b wake"));
  EXPECT_EQ(loop_->next_deadline(), kNoDeadline);
}

TEST_F(LoopTimersTest, AnEarlierTimeOfAnotherThreadEndsTheWaitForALaterOne) {
  WakeAt(Now() + hours(1), b_);
  loop_->RunReady();
  EXPECT_FALSE(Readable());
  std::jthread([this] { WakeAt(Now() + hours(2), c_); });
  EXPECT_FALSE(Readable()) << "a later one changes nothing";
  std::jthread running([this] { loop_->Run(); });
  a_->on_wake = [this] { loop_->Stop(); };
  WakeAt(Now() + milliseconds(1), a_);
  running.join();
  EXPECT_THAT(calls_, ElementsAre("a wake"));
}

TEST_F(LoopTimersTest, TellsWhoDrivesItOfAnEarlierTime) {
  WakeAt(Now() + hours(2), a_);
  EXPECT_TRUE(Readable()) << "it is to ask anew how long to wait";
  loop_->RunReady();
  EXPECT_FALSE(Readable());
  WakeAt(Now() + hours(1), a_);
  EXPECT_TRUE(Readable());
}

TEST_F(LoopTimersTest, DoesNotCallASourceThatIsGone) {
  std::shared_ptr<RecordingSource> gone = NewSource("gone");
  WakeAt(Now() - seconds(1), gone);
  loop_->Wake(gone);
  gone.reset();
  loop_->RunReady();
  EXPECT_THAT(calls_, IsEmpty());
  EXPECT_EQ(loop_->next_deadline(), kNoDeadline);
}

TEST_F(LoopTimersTest, ATimerHasOneTime) {
  LoopCore::Timer timer;
  for (int i = 0; i < 1000; ++i) {
    loop_->SetTimer(timer, Now() + hours(1), a_);
    loop_->SetTimer(timer, Now() - seconds(2), a_);
  }
  WakeAt(Now() - seconds(1), b_);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a wake", "b wake"));
  EXPECT_EQ(loop_->next_deadline(), kNoDeadline);
}

TEST_F(LoopTimersTest, ATimerThatIsPutOffDoesNotExpireBefore) {
  LoopCore::Timer timer;
  loop_->SetTimer(timer, Now() - seconds(1), a_);
  const MonotonicTime later = Now() + hours(1);
  loop_->SetTimer(timer, later, a_);
  loop_->RunReady();
  EXPECT_THAT(calls_, IsEmpty());
  EXPECT_EQ(loop_->next_deadline(), later);
}

TEST_F(LoopTimersTest, ATimerCanBeSetAgainWhenItHasExpiredOrWasCancelled) {
  LoopCore::Timer timer;
  loop_->CancelTimer(timer);
  for (int i = 0; i < 2; ++i) {
    loop_->SetTimer(timer, Now() - seconds(1), a_);
    loop_->RunReady();
  }
  EXPECT_THAT(calls_, ElementsAre("a wake", "a wake"));
  for (int i = 0; i < 2; ++i) {
    loop_->SetTimer(timer, Now() - seconds(1), a_);
    loop_->CancelTimer(timer);
    loop_->CancelTimer(timer);
  }
  loop_->RunReady();
  EXPECT_EQ(calls_.size(), 2u);
  EXPECT_EQ(loop_->next_deadline(), kNoDeadline);
}

TEST_F(LoopTimersTest, ATimerThatIsSetByATimeKeepsAnEarlierOne) {
  LoopCore::Timer timer;
  const MonotonicTime now = Now();
  loop_->SetTimerBy(timer, now + hours(2), a_);
  EXPECT_EQ(timer.at(), now + hours(2));
  loop_->SetTimerBy(timer, now + hours(1), a_);
  loop_->SetTimerBy(timer, now + hours(3), a_);
  EXPECT_EQ(timer.at(), now + hours(1));
  loop_->SetTimerBy(timer, MonotonicTime(), a_);
  loop_->SetTimerBy(timer, now + hours(1), a_);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a wake"));
  EXPECT_EQ(loop_->next_deadline(), kNoDeadline);
}

TEST_F(LoopTimersTest, ATimerThatGoesIsCancelled) {
  {
    LoopCore::Timer timer;
    loop_->SetTimer(timer, Now() - seconds(1), a_);
    LoopCore::Timer expired;
    loop_->SetTimer(expired, Now() - seconds(1), b_);
    loop_->RunReady();
    loop_->SetTimer(timer, Now() - seconds(1), a_);
  }
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a wake", "b wake"));
  EXPECT_EQ(loop_->next_deadline(), kNoDeadline);
}

TEST_F(LoopTimersTest, ATimerSaysWhenItExpires) {
  LoopCore::Timer timer;
  EXPECT_EQ(timer.at(), kNoDeadline);
  const MonotonicTime past = Now() - seconds(1);
  loop_->SetTimer(timer, past, a_);
  EXPECT_EQ(timer.at(), past);
  a_->on_wake = [&] { EXPECT_EQ(timer.at(), kNoDeadline); };
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a wake"));
  loop_->SetTimer(timer, Now() + hours(1), a_);
  loop_->SetTimer(timer, kNoDeadline, a_);
  EXPECT_EQ(timer.at(), kNoDeadline);
  EXPECT_EQ(loop_->next_deadline(), kNoDeadline);
}

TEST_F(LoopTimersTest, GoesByTheClockThatItIsGiven) {
  ManualClock clock;
  const std::shared_ptr<LoopCore> loop =
      *LoopCore::Create(absl::ZeroDuration(), clock);
  LoopCore::Timer timer;
  loop->SetTimer(timer, clock.Now() + hours(1), a_);
  clock.Advance(absl::Minutes(59));
  loop->RunReady();
  EXPECT_THAT(calls_, IsEmpty());
  a_->on_wake = [&] { loop->Stop(); };
  std::jthread running([&] { loop->Run(); });
  clock.Advance(absl::Minutes(1));
  running.join();
  EXPECT_THAT(calls_, ElementsAre("a wake"));
}

TEST_F(LoopTimersTest, ASourceMaySetItsTimerWhenItIsWoken) {
  LoopCore::Timer timer;
  a_->on_wake = [&] {
    if (calls_.size() < 3) loop_->SetTimer(timer, Now() - seconds(1), a_);
  };
  loop_->SetTimer(timer, Now() - seconds(1), a_);
  while (calls_.size() < 3) loop_->RunReady();
  EXPECT_EQ(loop_->next_deadline(), kNoDeadline);
}

TEST_F(LoopTimersTest, OneMayLetTheNextSourceGo) {
  std::shared_ptr<RecordingSource> going = NewSource("going");
  a_->on_wake = [&] { going.reset(); };
  loop_->Wake(a_);
  loop_->Wake(going);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a wake"));
}

TEST_F(LoopTimersTest, WhoWantsToBeCalledAgainAtOnceLetsOthersGoFirst) {
  Watch(ours_.get(), b_);
  FunctionContinuation continuation(
      [this] { calls_.push_back("continuation"); });
  a_->on_wake = [&] {
    if (calls_.size() > 5) return;
    loop_->Wake(a_);
    loop_->Post(continuation);
    PeerWrites();
  };
  loop_->Wake(a_);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a wake", "continuation"));
  EXPECT_TRUE(Readable());
  EXPECT_EQ(loop_->next_deadline(), MonotonicTime());
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a wake", "continuation", "b ready", "a wake",
                                  "continuation"));
  while (Readable()) loop_->RunReady();
  EXPECT_EQ(loop_->next_deadline(), kNoDeadline);
}

}  // namespace
}  // namespace fdrpc::testing
