#include "client/connection_reader.h"

#include <atomic>
#include <future>
#include <limits>
#include <memory>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "tests/client/scripted_connection.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/manual_clock.h"

namespace fdrpc {
namespace {

using ::fdrpc::testing::NewFrame;
using std::chrono::milliseconds;

class ConnectionReaderTest : public ::testing::Test {
 protected:
  static constexpr Method kMethod = {.full_name = "p.S/M"};
  static constexpr MonotonicTime kAtOnce{};

  explicit ConnectionReaderTest(
      size_t capacity = std::numeric_limits<size_t>::max())
      : peers_(capacity), writer_(peers_.connection()) {
    peers_.role().on_frame = [this](const FrameHeader&) {
      ++frames_;
      ChannelLock lock(mutex_);
      for (WaitingThread& thread : threads_) thread.Wake(lock);
      return absl::OkStatus();
    };
    Make();
  }
  ~ConnectionReaderTest() override {
    if (call_.id != 0) calls_.Remove(call_);
  }

  // The server is pinged after that silence, and then has 30 ms.
  void Make(absl::Duration keep_alive = absl::InfiniteDuration()) {
    reader_ = std::make_shared<ConnectionReader>(
        peers_.connection(), writer_, calls_, account_, mutex_, clock_,
        *WaitingThreads::Create(),
        KeepAlive(keep_alive, absl::Milliseconds(30)), absl::ZeroDuration());
    reader_->SetSelf(reader_);
    if (!peers_.connection().has_hello()) peers_.Handshake();
  }
  // A call that the server must answer.
  void AddCall() {
    call_.open = OutgoingFrames(1);
    calls_.Add(call_);
    calls_.MarkSent(call_);
  }
  void MakeLoop() {
    absl::StatusOr<std::shared_ptr<LoopCore>> loop =
        LoopCore::Create(absl::ZeroDuration(), clock_);
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    ChannelLock lock(mutex_);
    ASSERT_TRUE(reader_->ReadWith(loop_).ok());
  }
  // A thread that waits until the connection has read so many frames.
  std::future<void> WaitFor(size_t count, WaitingThread& thread) {
    return std::async(std::launch::async, [this, count, &thread] {
      ChannelLock lock(mutex_);
      while (frames_ < count) reader_->WaitOnce(thread, kNoDeadline, lock);
      reader_->EndWait(lock);
    });
  }

  testing::ExpectSameDescriptors census_;
  testing::ScriptedConnection peers_;
  std::atomic<size_t> frames_{0};
  testing::ManualClock clock_;
  ChannelMutex mutex_;
  WaitingThread threads_[2];
  PendingCalls calls_;
  const ChannelAccount account_;
  PendingCall call_{kMethod, kNoDeadline, MessageLimits{}, Credit{}};
  std::shared_ptr<LoopCore> loop_;
  BatchedWriter writer_;
  std::shared_ptr<ConnectionReader> reader_;
};

TEST_F(ConnectionReaderTest, AThreadThatWaitsReadsWhatHasCome) {
  peers_.PeerSends(NewFrame(1, "x"));
  WaitingThread thread;
  ChannelLock lock(mutex_);
  reader_->WaitOnce(thread, kAtOnce, lock);
  EXPECT_TRUE(lock.Holds(mutex_));
  EXPECT_EQ(frames_, 1u);
  EXPECT_FALSE(reader_->has_waiting());
  reader_->WaitOnce(thread, kAtOnce, lock);
  reader_->EndWait(lock);
}

TEST_F(ConnectionReaderTest, AThreadThatWaitsWritesWhatLingers) {
  EXPECT_TRUE(peers_.connection().Enqueue(NewFrame(1, "x")));
  EXPECT_TRUE(writer_.Linger());
  WaitingThread thread;
  ChannelLock lock(mutex_);
  reader_->WaitOnce(thread, kAtOnce, lock);
  EXPECT_EQ(peers_.PeerReceives(), 1u);
}

TEST_F(ConnectionReaderTest, OneThreadReadsForAllThatWait) {
  std::future<void> first = WaitFor(1, threads_[0]);
  std::future<void> second = WaitFor(1, threads_[1]);
  peers_.PeerSends(NewFrame(1, "x"));
  first.wait();
  second.wait();
  EXPECT_EQ(frames_, 1u);
}

TEST_F(ConnectionReaderTest, WhoStopsWaitingHasAnotherRead) {
  std::future<void> first = WaitFor(1, threads_[0]);
  std::future<void> second = WaitFor(2, threads_[1]);
  peers_.PeerSends(NewFrame(1, "x"));
  first.wait();
  peers_.PeerSends(NewFrame(1, "y"));
  second.wait();
  EXPECT_EQ(frames_, 2u);
}

TEST_F(ConnectionReaderTest, WhatCameWithoutCallsIsReadOnlyWithoutCalls) {
  peers_.PeerSends(NewFrame(1, "x"));
  ChannelLock lock(mutex_);
  AddCall();
  reader_->ReadArrived(lock);
  EXPECT_EQ(frames_, 0u);
  calls_.Remove(call_);
  reader_->ReadArrived(lock);
  EXPECT_EQ(frames_, 1u);
  call_.id = 0;
}

TEST_F(ConnectionReaderTest, AThreadThatSendsReadsOnceInAWhile) {
  peers_.PeerSends(NewFrame(1, "x"));
  ChannelLock lock(mutex_);
  EXPECT_TRUE(reader_->ReadsForSenders(clock_.Now()));
  reader_->ReadForSenders(clock_.Now(), lock);
  EXPECT_EQ(frames_, 1u);
  peers_.PeerSends(NewFrame(1, "y"));
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_FALSE(reader_->ReadsForSenders(clock_.Now()));
  reader_->ReadForSenders(clock_.Now(), lock);
  EXPECT_EQ(frames_, 1u);
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(reader_->ReadsForSenders(clock_.Now()));
  reader_->ReadForSenders(clock_.Now(), lock);
  EXPECT_EQ(frames_, 2u);
}

TEST_F(ConnectionReaderTest, ALoopReadsWhereNoThreadDoes) {
  MakeLoop();
  peers_.PeerSends(NewFrame(1, "x"));
  loop_->RunReady();
  EXPECT_EQ(frames_, 1u);
  std::future<void> waits = WaitFor(2, threads_[0]);
  peers_.PeerSends(NewFrame(1, "y"));
  while (waits.wait_for(milliseconds(0)) != std::future_status::ready) {
    loop_->RunReady();
  }
  EXPECT_EQ(frames_, 2u);
}

TEST_F(ConnectionReaderTest, ThreadsHaveUnwrittenFramesOnlyWithoutALoop) {
  {
    ChannelLock lock(mutex_);
    EXPECT_FALSE(reader_->HasUnwritten());
  }
  MakeLoop();
  ChannelLock lock(mutex_);
  EXPECT_FALSE(reader_->HasUnwritten());
}

class FullConnectionTest : public ConnectionReaderTest {
 protected:
  static constexpr size_t kCapacity = 2;

  FullConnectionTest() : ConnectionReaderTest(kCapacity) {
    for (size_t i = 0; i <= kCapacity; ++i) {
      EXPECT_TRUE(peers_.connection().Enqueue(NewFrame(1, "x")));
    }
    peers_.connection().Flush();
    EXPECT_TRUE(peers_.connection().write_blocked());
  }
};

TEST_F(FullConnectionTest, AThreadThatIsWokenForNothingWaitsOn) {
  // One of the two reads, and writes when there is room; the other is parked.
  const std::future<void> waits = WaitFor(1, threads_[0]);
  std::atomic<int> looks = 0;
  const std::future<void> writes = std::async(std::launch::async, [&] {
    ChannelLock lock(mutex_);
    const auto look = [&](MonotonicTime) {
      ++looks;
      return kNoDeadline;
    };
    reader_->AwaitWritten(threads_[1], look, lock);
    EXPECT_FALSE(reader_->HasUnwritten());
  });
  for (const int before : {0, 1, 2}) {
    while (looks <= before) std::this_thread::yield();
    ChannelLock lock(mutex_);
    reader_->OnWriteBlockedChanged(lock);
  }
  while (looks <= 3) std::this_thread::yield();
  size_t received = peers_.PeerReceives();
  while (writes.wait_for(milliseconds(0)) != std::future_status::ready) {
    ChannelLock lock(mutex_);
    reader_->OnWriteBlockedChanged(lock);
  }
  received += peers_.PeerReceives();
  EXPECT_EQ(received, kCapacity + 1);
  peers_.PeerSends(NewFrame(1, "x"));
  waits.wait();
}

TEST_F(FullConnectionTest, AThreadWaitsNoLongerThanItWantsTo) {
  int looks = 0;
  ChannelLock lock(mutex_);
  const auto look = [&](MonotonicTime now) {
    return ++looks < 3 ? kNoDeadline : now;
  };
  reader_->AwaitWritten(threads_[0], look, lock);
  EXPECT_EQ(looks, 3);
  EXPECT_TRUE(reader_->HasUnwritten());
  EXPECT_FALSE(reader_->has_waiting());
}

TEST_F(ConnectionReaderTest, AsksASilentServerAndThenGivesItUp) {
  Make(/*keep_alive=*/absl::Milliseconds(100));
  AddCall();
  WaitingThread thread;
  ChannelLock lock(mutex_);
  reader_->WaitOnce(thread, kAtOnce, lock);
  EXPECT_EQ(peers_.PeerReceives(), 0u);
  clock_.Advance(absl::Milliseconds(100));
  reader_->WaitOnce(thread, kAtOnce, lock);
  EXPECT_EQ(peers_.PeerReceives(), 1u) << "a ping";
  clock_.Advance(absl::Milliseconds(29));
  reader_->WaitOnce(thread, kAtOnce, lock);
  EXPECT_FALSE(reader_->gave_up());
  clock_.Advance(absl::Milliseconds(1));
  reader_->WaitOnce(thread, kAtOnce, lock);
  EXPECT_TRUE(reader_->gave_up());
  ASSERT_EQ(peers_.role().closed.size(), 1u);
  EXPECT_TRUE(absl::IsUnavailable(peers_.role().closed[0]));
}

TEST_F(ConnectionReaderTest, WhatHasComeButWasNotReadKeepsTheServer) {
  Make(/*keep_alive=*/absl::Milliseconds(100));
  AddCall();
  WaitingThread thread;
  ChannelLock lock(mutex_);
  reader_->WaitOnce(thread, kAtOnce, lock);
  clock_.Advance(absl::Milliseconds(100));
  reader_->WaitOnce(thread, kAtOnce, lock);
  clock_.Advance(absl::Milliseconds(50));
  peers_.PeerSends(NewFrame(1, "x"));
  reader_->WaitOnce(thread, kAtOnce, lock);
  EXPECT_FALSE(reader_->gave_up());
  EXPECT_TRUE(peers_.role().closed.empty());
}

TEST_F(ConnectionReaderTest, ALoopAsksASilentServerToo) {
  Make(/*keep_alive=*/absl::Milliseconds(100));
  MakeLoop();
  AddCall();
  {
    ChannelLock lock(mutex_);
    reader_->PlanLook();
  }
  loop_->RunReady();
  EXPECT_EQ(peers_.PeerReceives(), 0u);
  clock_.Advance(absl::Milliseconds(100));
  loop_->RunReady();
  EXPECT_EQ(peers_.PeerReceives(), 1u) << "a ping";
  clock_.Advance(absl::Milliseconds(30));
  loop_->RunReady();
  EXPECT_EQ(peers_.role().closed.size(), 1u);
}

}  // namespace
}  // namespace fdrpc
