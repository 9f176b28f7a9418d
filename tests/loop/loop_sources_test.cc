// What a loop waits for: descriptors, timers and the ends of its batches.

#include <unistd.h>

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loop/loop_core.h"
#include "tests/loop/recording.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
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

class LoopSourcesTest : public ::testing::Test {
 protected:
  LoopSourcesTest() {
    loop_ = NewLoopCore();
    std::tie(ours_, theirs_) = SocketPair();
  }
  std::shared_ptr<RecordingSource> NewSource(std::string name) {
    return std::make_shared<RecordingSource>(std::move(name), calls_);
  }
  uint64_t Watch(int fd, const std::shared_ptr<RecordingSource>& source) {
    absl::StatusOr<uint64_t> token = loop_->Watch(fd, source);
    EXPECT_TRUE(token.ok()) << token.status();
    return *token;
  }
  // By a timer of its own.
  void WakeAt(MonotonicTime at,
              const std::shared_ptr<RecordingSource>& source) {
    loop_->SetTimer(timers_.emplace_back(), at, source);
  }
  bool Readable() const { return IsReadable(loop_->fd()); }
  void PeerWrites() { ASSERT_EQ(write(theirs_.get(), "x", 1), 1); }

  ExpectSameDescriptors census_;
  Calls calls_;
  std::shared_ptr<LoopCore> loop_;
  std::deque<LoopCore::Timer> timers_;
  UniqueFd ours_;
  UniqueFd theirs_;
  const std::shared_ptr<RecordingSource> a_ = NewSource("a");
  const std::shared_ptr<RecordingSource> b_ = NewSource("b");
  const std::shared_ptr<RecordingSource> c_ = NewSource("c");
};

// ---- descriptors

using LoopWatchTest = LoopSourcesTest;

TEST_F(LoopWatchTest, TellsOnceEachTimeThatSomethingArrives) {
  Watch(ours_.get(), a_);
  a_->on_ready = [](Poller::Event event) {
    EXPECT_TRUE(event.readable);
    EXPECT_FALSE(event.writable);
  };
  loop_->RunReady();
  EXPECT_THAT(calls_, IsEmpty());
  for (size_t i = 1; i <= 2; ++i) {
    PeerWrites();
    EXPECT_TRUE(Readable());
    loop_->RunReady();
    EXPECT_EQ(calls_.size(), i);
    EXPECT_FALSE(Readable()) << "though nobody has read it";
    loop_->RunReady();
    EXPECT_EQ(calls_.size(), i);
  }
}

TEST_F(LoopWatchTest, TellsOfWhatWasThereBefore) {
  PeerWrites();
  Watch(ours_.get(), a_);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a ready"));
}

TEST_F(LoopWatchTest, TellsOfRoomOnlyWhenAsked) {
  const uint64_t token = Watch(ours_.get(), a_);
  bool writable = false;
  a_->on_ready = [&](Poller::Event event) { writable = event.writable; };
  loop_->WatchRoom(ours_.get(), token, true);
  loop_->RunReady();
  EXPECT_TRUE(writable);
  loop_->RunReady();
  EXPECT_EQ(calls_.size(), 1u) << "once";
  loop_->WatchRoom(ours_.get(), token, true);
  loop_->RunReady();
  EXPECT_EQ(calls_.size(), 2u) << "once each time it is asked";
  loop_->WatchRoom(ours_.get(), token, false);
  loop_->RunReady();
  EXPECT_EQ(calls_.size(), 2u);
  PeerWrites();
  loop_->RunReady();
  EXPECT_EQ(calls_.size(), 3u) << "it waits to read all the time";
  EXPECT_FALSE(writable);
}

TEST_F(LoopWatchTest, ForgetsWhatIsUnwatched) {
  const uint64_t token = Watch(ours_.get(), a_);
  PeerWrites();
  loop_->Unwatch(ours_.get(), token);
  EXPECT_FALSE(Readable());
  loop_->RunReady();
  EXPECT_THAT(calls_, IsEmpty());
  Watch(ours_.get(), b_);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("b ready"));
}

TEST_F(LoopWatchTest, ForgetsWhatIsUnwatchedWhenItWasReadyAlready) {
  UniqueFd other_ours, other_theirs;
  std::tie(other_ours, other_theirs) = SocketPair();
  const uint64_t tokens[] = {Watch(ours_.get(), a_),
                             Watch(other_ours.get(), b_)};
  // Whichever is called first removes the other one.
  a_->on_ready = [&](Poller::Event) {
    loop_->Unwatch(other_ours.get(), tokens[1]);
  };
  b_->on_ready = [&](Poller::Event) { loop_->Unwatch(ours_.get(), tokens[0]); };
  PeerWrites();
  ASSERT_EQ(write(other_theirs.get(), "x", 1), 1);
  loop_->RunReady();
  loop_->RunReady();
  EXPECT_EQ(calls_.size(), 1u);
}

TEST_F(LoopWatchTest, DoesNotCallASourceThatIsGone) {
  std::shared_ptr<RecordingSource> gone = NewSource("gone");
  Watch(ours_.get(), gone);
  PeerWrites();
  gone.reset();
  loop_->RunReady();
  EXPECT_THAT(calls_, IsEmpty());
}

TEST_F(LoopWatchTest, KeepsASourceThatItCalls) {
  std::shared_ptr<RecordingSource> going = NewSource("going");
  const std::weak_ptr<RecordingSource> seen = going;
  Watch(ours_.get(), going);
  going->on_ready = [&](Poller::Event) {
    going.reset();
    EXPECT_FALSE(seen.expired());
  };
  PeerWrites();
  loop_->RunReady();
  EXPECT_TRUE(seen.expired());
}

TEST_F(LoopWatchTest, TellsOfMoreDescriptorsThanItTakesAtOnce) {
  std::vector<UniqueFd> fds;
  std::set<int> told;
  std::vector<std::shared_ptr<RecordingSource>> sources;
  for (int i = 0; i < 200; ++i) {
    auto [read_end, write_end] = Pipe();
    ASSERT_EQ(write(write_end.get(), "x", 1), 1);
    sources.push_back(NewSource(""));
    sources.back()->on_ready = [&, i](Poller::Event) { told.insert(i); };
    Watch(read_end.get(), sources.back());
    fds.push_back(std::move(read_end));
    fds.push_back(std::move(write_end));
  }
  while (Readable()) loop_->RunReady();
  EXPECT_EQ(told.size(), 200u);
  EXPECT_EQ(calls_.size(), 200u) << "each once";
}

TEST_F(LoopWatchTest, RefusesWhatCannotBeWatched) {
  const UniqueFd file = FileWith("content");
  EXPECT_FALSE(loop_->Watch(file.get(), a_).ok());
  EXPECT_FALSE(loop_->Watch(-1, a_).ok());
  Watch(ours_.get(), a_);
  EXPECT_EQ(loop_->Watch(ours_.get(), b_).status().code(),
            absl::StatusCode::kAlreadyExists);
  PeerWrites();
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a ready")) << "as if it were not asked";
}

TEST_F(LoopWatchTest, AChildByForkLeavesItsParentsDescriptorsAlone) {
  const uint64_t token = Watch(ours_.get(), a_);
  EXPECT_EQ(InChild([&] {
              loop_->WatchRoom(ours_.get(), token, true);
              loop_->Unwatch(ours_.get(), token);
              return 0;
            }),
            0);
  loop_->RunReady();
  EXPECT_THAT(calls_, IsEmpty()) << "it was not asked whether there is room";
  PeerWrites();
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a ready"));
}

// ---- timers

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

// ---- the ends of batches

using LoopBatchTest = LoopSourcesTest;

TEST_F(LoopBatchTest, TellsOnceAllThatIsReadyHasBeenHandled) {
  FunctionContinuation continuation([this] {
    calls_.push_back("continuation");
    loop_->AtBatchEnd(c_);
  });
  Watch(ours_.get(), a_);
  a_->on_ready = [this](Poller::Event) { loop_->AtBatchEnd(a_); };
  b_->on_wake = [this] { loop_->AtBatchEnd(b_); };
  PeerWrites();
  loop_->Post(continuation);
  loop_->Wake(b_);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a ready", "b wake", "continuation",
                                  "a batch end", "b batch end", "c batch end"));
  loop_->RunReady();
  EXPECT_EQ(calls_.size(), 6u) << "each once";
}

TEST_F(LoopBatchTest, ABatchEndMayAskForAnother) {
  a_->on_wake = [this] { loop_->AtBatchEnd(a_); };
  a_->on_batch_end = [this] { loop_->AtBatchEnd(b_); };
  loop_->Wake(a_);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a wake", "a batch end", "b batch end"));
}

TEST_F(LoopBatchTest, WhatABatchEndPostsIsOfTheNextBatch) {
  FunctionContinuation continuation(
      [this] { calls_.push_back("continuation"); });
  a_->on_wake = [this] { loop_->AtBatchEnd(a_); };
  a_->on_batch_end = [&] { loop_->Post(continuation); };
  loop_->Wake(a_);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a wake", "a batch end"));
  EXPECT_TRUE(Readable());
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("a wake", "a batch end", "continuation"));
}

TEST_F(LoopBatchTest, KeepsTheSourceUntilThen) {
  std::shared_ptr<RecordingSource> going = NewSource("going");
  FunctionContinuation continuation(
      [&] { loop_->AtBatchEnd(std::move(going)); });
  loop_->Post(continuation);
  loop_->RunReady();
  EXPECT_THAT(calls_, ElementsAre("going batch end"));
}

}  // namespace
}  // namespace fdrpc::testing
