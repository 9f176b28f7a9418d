// What a loop waits for, besides timers: descriptors, and the ends of its
// batches.

#include <unistd.h>

#include <memory>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loop/loop_core.h"
#include "tests/loop/loop_sources_fixture.h"
#include "tests/loop/recording.h"
#include "tests/support/child.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

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

TEST_F(LoopWatchTest, TellsOfAStateAsLongAsItLastsIfAsked) {
  absl::StatusOr<uint64_t> token = loop_->Watch(ours_.get(), a_);
  ASSERT_TRUE(token.ok()) << token.status();
  PeerWrites();
  for (size_t i = 1; i <= 3; ++i) {
    EXPECT_TRUE(Readable());
    loop_->RunReady();
    EXPECT_EQ(calls_.size(), i);
  }
  EXPECT_TRUE(loop_->Change(ours_.get(), *token, {.readable = false}).ok());
  EXPECT_FALSE(Readable());
  loop_->RunReady();
  EXPECT_EQ(calls_.size(), 3u);
  EXPECT_TRUE(loop_->Change(ours_.get(), *token, {}).ok());
  a_->on_ready = [&](Poller::Event event) {
    EXPECT_EQ(event.token, *token);
    char byte;
    EXPECT_EQ(read(ours_.get(), &byte, 1), 1);
  };
  loop_->RunReady();
  EXPECT_EQ(calls_.size(), 4u);
  EXPECT_FALSE(Readable());
}

TEST_F(LoopWatchTest, ASourceThatIsAlwaysReadyLeavesOthersTheirTurns) {
  auto [other_ours, other_theirs] = SocketPair();
  ASSERT_EQ(write(other_theirs.get(), "x", 1), 1);
  PeerWrites();
  ASSERT_TRUE(loop_->Watch(ours_.get(), a_).ok());
  ASSERT_TRUE(loop_->Watch(other_ours.get(), b_).ok());
  c_->on_wake = [this] { loop_->Wake(c_); };
  loop_->Wake(c_);
  FunctionContinuation continuation([this] { calls_.push_back("posted"); });
  for (int i = 0; i < 3; ++i) {
    loop_->Post(continuation);
    calls_.clear();
    loop_->RunReady();
    EXPECT_THAT(calls_,
                UnorderedElementsAre("a ready", "b ready", "c wake", "posted"));
  }
}

TEST_F(LoopWatchTest, TellsOfRoomOnlyWhenAsked) {
  const uint64_t token = Watch(ours_.get(), a_);
  bool writable = false;
  a_->on_ready = [&](Poller::Event event) { writable = event.writable; };
  WatchRoom(token, true);
  loop_->RunReady();
  EXPECT_TRUE(writable);
  loop_->RunReady();
  EXPECT_EQ(calls_.size(), 1u) << "once";
  WatchRoom(token, true);
  loop_->RunReady();
  EXPECT_EQ(calls_.size(), 2u) << "once each time it is asked";
  WatchRoom(token, false);
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
              WatchRoom(token, true);
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
