// The state of a channel, with servers whose bytes a test determines, and with
// real ones.

#include <sys/stat.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/raw_peer.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using enum ChannelState;

// Matters only to a test that fails.
constexpr absl::Duration kGiveUp = absl::Seconds(30);

// What a watch was told.
class StateLog {
 public:
  void Add(ChannelState state) {
    std::lock_guard lock(mu_);
    states_.push_back(state);
    changed_.notify_all();
  }
  // Waits until there are that many.
  std::vector<ChannelState> First(size_t count) {
    std::unique_lock lock(mu_);
    EXPECT_TRUE(changed_.wait_for(lock, absl::ToChronoSeconds(kGiveUp),
                                  [&] { return states_.size() >= count; }))
        << "told of " << states_.size() << " states only";
    return states_;
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<ChannelState> states_;
};

class ChannelStateTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    // The process's loop has descriptors of its own, which stay open.
    TempDir dir;
    EXPECT_TRUE(
        Channel::Connect(dir.address())->WatchState([](ChannelState) {}).ok());
  }

  Channel NewChannel() { return *Channel::Connect(address_); }
  std::future<absl::Status> WaitForReady(const Channel& channel,
                                         absl::Duration timeout = kGiveUp) {
    return std::async(std::launch::async, [channel, timeout] {
      return channel.WaitForReady(timeout);
    });
  }
  std::future<absl::StatusOr<Text>> Echo(const Channel& channel) {
    return std::async(std::launch::async, [channel] {
      return TestService::Stub(channel).Echo(Text(), {.timeout = kGiveUp});
    });
  }
  ChannelStateWatch Watch(const Channel& channel) {
    absl::StatusOr<ChannelStateWatch> watch =
        channel.WatchState([this](ChannelState state) { log_.Add(state); });
    EXPECT_TRUE(watch.ok()) << watch.status();
    return *std::move(watch);
  }
  RawListener& Listen() {
    return listener_.emplace(dir_.file("socket"), GetParam());
  }
  // The channel is ready, on the connection that is returned.
  RawPeer MakeReady(const Channel& channel) {
    std::future<absl::Status> ready = WaitForReady(channel);
    RawPeer server = listener_->Accept();
    EXPECT_TRUE(server.Send(RawHello().Bytes()));
    const absl::Status status = ready.get();
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(channel.state(), kReady);
    return server;
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_ = dir_.address("socket", GetParam());
  StateLog log_;
  std::optional<RawListener> listener_;
};
INSTANTIATE_TEST_SUITE_P(Over, ChannelStateTest, kAllSchemes, SchemeName);

TEST_P(ChannelStateTest, WaitForReadyConnectsAndWaitsForTheHello) {
  Listen();
  Channel channel = NewChannel();
  EXPECT_EQ(channel.state(), kIdle);
  std::future<absl::Status> ready = WaitForReady(channel);
  RawPeer server = listener_->Accept();
  EXPECT_EQ(channel.state(), kConnecting);
  EXPECT_EQ(server.Read()->frame.type, RawFrame::kHello);
  EXPECT_TRUE(server.Send(RawHello().Bytes()));
  EXPECT_TRUE(ready.get().ok());
  EXPECT_EQ(channel.state(), kReady);
  EXPECT_TRUE(channel.WaitForReady(absl::ZeroDuration()).ok());
}

TEST_P(ChannelStateTest, SeveralThreadsWaitForOneHello) {
  Listen();
  Channel channel = NewChannel();
  std::vector<std::future<absl::Status>> ready;
  for (int i = 0; i < 4; ++i) ready.push_back(WaitForReady(channel));
  std::future<absl::StatusOr<Text>> reply = Echo(channel);
  RawPeer server = listener_->Accept();
  EXPECT_TRUE(server.Send(RawHello().Bytes()));
  for (auto& one : ready) EXPECT_TRUE(one.get().ok());
  EXPECT_TRUE(server.ReadType(RawFrame::kOpen).has_value());
  EXPECT_TRUE(server.Send(ReplyFrame(1, "")));
  EXPECT_TRUE(reply.get().ok());
}

TEST_P(ChannelStateTest, ACallConnectsToo) {
  Listen();
  Channel channel = NewChannel();
  std::future<absl::StatusOr<Text>> reply = Echo(channel);
  RawPeer server = listener_->Accept();
  EXPECT_EQ(channel.state(), kConnecting);
  EXPECT_TRUE(server.Send(RawHello().Bytes()));
  EXPECT_TRUE(server.Send(ReplyFrame(1, "")));
  EXPECT_TRUE(reply.get().ok());
  EXPECT_EQ(channel.state(), kReady);
}

TEST_P(ChannelStateTest, WithoutAServerItIsATransientFailure) {
  Channel channel = NewChannel();
  const absl::Status status = channel.WaitForReady(absl::Milliseconds(5));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  // The error that a call would have had, which also names its method.
  const std::string_view kNotReady = "the server was not ready in time: ";
  const std::string text(status.message());
  ASSERT_THAT(text, StartsWith(kNotReady));
  const absl::Status call = TestService::Stub(channel).Echo(Text()).status();
  EXPECT_THAT(std::string(call.message()),
              StartsWith(text.substr(kNotReady.size()) +
                         " (fdrpc.testing.TestService/Echo at "));
  EXPECT_EQ(channel.state(), kTransientFailure);
}

TEST_P(ChannelStateTest, WaitsForAServerThatComesLater) {
  Channel channel = NewChannel();
  ChannelStateWatch watch = Watch(channel);
  std::future<absl::Status> ready = WaitForReady(channel);
  EXPECT_THAT(log_.First(2), ElementsAre(kIdle, kTransientFailure));
  FakeService service;
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.Listen(address_).ok());
  ASSERT_TRUE(server.Start().ok());
  EXPECT_TRUE(ready.get().ok());
  EXPECT_THAT(log_.First(4),
              ElementsAre(kIdle, kTransientFailure, kConnecting, kReady));
  EXPECT_TRUE(Echo(channel).get().ok());
  server.Shutdown();
  server.Wait();
  EXPECT_EQ(log_.First(5).back(), kIdle);
}

TEST_P(ChannelStateTest, WhatWaitingDoesNotMendIsSaidAtOnce) {
  Listen();
  ASSERT_EQ(chmod(dir_.file("socket").c_str(), 0), 0);
  const int code = InChild([&] {
    BecomeUnprivileged();
    return static_cast<int>(NewChannel().WaitForReady(kGiveUp).code());
  });
  EXPECT_EQ(code, static_cast<int>(absl::StatusCode::kPermissionDenied));
}

TEST_P(ChannelStateTest, AServerWithoutAHelloIsNotReady) {
  Listen();
  Channel channel = NewChannel();
  const absl::Status status = channel.WaitForReady(absl::Milliseconds(5));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("hello"));
  EXPECT_EQ(channel.state(), kConnecting);
}

TEST_P(ChannelStateTest, AServerThatClosesBeforeItsHelloIsTriedAgain) {
  Listen();
  Channel channel = NewChannel();
  ChannelStateWatch watch = Watch(channel);
  std::future<absl::Status> ready = WaitForReady(channel);
  listener_->Accept().Close();
  RawPeer server = listener_->Accept();
  EXPECT_TRUE(server.Send(RawHello().Bytes()));
  EXPECT_TRUE(ready.get().ok());
  EXPECT_THAT(log_.First(5), ElementsAre(kIdle, kConnecting, kTransientFailure,
                                         kConnecting, kReady));
}

TEST_P(ChannelStateTest, WaitForReadyNoticesALossThatNobodyElseHas) {
  Listen();
  Channel channel = NewChannel();
  MakeReady(channel).Close();
  EXPECT_EQ(channel.state(), kReady) << "known without a look?";
  MakeReady(channel);
}

TEST_P(ChannelStateTest, AWatchNoticesALossWithoutCalls) {
  Listen();
  Channel channel = NewChannel();
  ChannelStateWatch watch = Watch(channel);
  MakeReady(channel).Close();
  EXPECT_THAT(log_.First(4), ElementsAre(kIdle, kConnecting, kReady, kIdle));
  EXPECT_EQ(channel.state(), kIdle);
}

TEST_P(ChannelStateTest, AWatchOfAConnectionThatIsThereNoticesItsLoss) {
  Listen();
  Channel channel = NewChannel();
  RawPeer server = MakeReady(channel);
  ChannelStateWatch watch = Watch(channel);
  EXPECT_THAT(log_.First(1), ElementsAre(kReady));
  server.Close();
  EXPECT_THAT(log_.First(2), ElementsAre(kReady, kIdle));
}

TEST_P(ChannelStateTest, AServerThatGoesAwayLeavesItIdleWhileItsCallsEnd) {
  Listen();
  Channel channel = NewChannel();
  ChannelStateWatch watch = Watch(channel);
  RawPeer server = MakeReady(channel);
  std::future<absl::StatusOr<Text>> reply = Echo(channel);
  EXPECT_TRUE(server.ReadType(RawFrame::kOpen).has_value());
  EXPECT_TRUE(server.Send(RawFrame{.type = RawFrame::kGoAway, .argument = 1}));
  EXPECT_THAT(log_.First(4), ElementsAre(kIdle, kConnecting, kReady, kIdle));
  EXPECT_TRUE(server.Send(ReplyFrame(1, "")));
  EXPECT_TRUE(reply.get().ok());
  server.Close();
  // The end of the former connection is not a change.
  RawPeer next = MakeReady(channel);
  EXPECT_THAT(log_.First(6), ElementsAre(kIdle, kConnecting, kReady, kIdle,
                                         kConnecting, kReady));
}

TEST_P(ChannelStateTest, CallsOfManyThreadsGoOnWhileItIsWatched) {
  FakeService service;
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.Listen(address_).ok());
  ASSERT_TRUE(server.Start().ok());
  Channel channel = NewChannel();
  ChannelStateWatch watch = Watch(channel);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([stub = TestService::Stub(channel)]() mutable {
      for (int i = 0; i < 200; ++i) EXPECT_TRUE(stub.Echo(Text()).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(channel.state(), kReady);
  server.Shutdown();
  server.Wait();
  EXPECT_EQ(log_.First(4).back(), kIdle);
}

TEST_P(ChannelStateTest, AWatchCanEndWithinItsFunction) {
  Listen();
  Channel channel = NewChannel();
  RawPeer server = MakeReady(channel);
  std::mutex mu;
  std::optional<ChannelStateWatch> watch;
  std::promise<ChannelState> told;
  {
    std::lock_guard lock(mu);
    watch = *channel.WatchState([&](ChannelState state) {
      std::lock_guard lock(mu);
      watch.reset();
      told.set_value(state);  // a second call would throw
    });
  }
  EXPECT_EQ(told.get_future().get(), kReady);
  ChannelStateWatch other = Watch(channel);
  server.Close();
  EXPECT_THAT(log_.First(2), ElementsAre(kReady, kIdle));
}

TEST_P(ChannelStateTest, AWatchThatHasGoneIsNotToldOfWhatWasOnItsWay) {
  absl::StatusOr<Loop> loop = Loop::Create();
  ASSERT_TRUE(loop.ok());
  std::thread runs([&] { loop->Run(); });
  Listen();
  for (int i = 0; i < 50; ++i) {
    Channel channel = *Channel::Connect(address_, {.loop = *loop});
    RawPeer server = MakeReady(channel);
    std::atomic<bool> gone = false;
    int told = 0;  // a race, if the function still runs
    {
      ChannelStateWatch watch = *channel.WatchState([&](ChannelState) {
        EXPECT_FALSE(gone);
        ++told;
      });
      server.Close();
      for (int spin = i; spin > 0; --spin) std::this_thread::yield();
    }
    gone = true;
    EXPECT_LE(told, 2);
    told = 3;
  }
  loop->Stop();
  runs.join();
}

TEST_P(ChannelStateTest, AWatchMayOutliveItsChannelAndItsLoopNeedNotRun) {
  absl::StatusOr<Loop> loop = Loop::Create();
  ASSERT_TRUE(loop.ok());
  ChannelStateWatch watch;
  {
    Channel channel = *Channel::Connect(address_, {.loop = *loop});
    watch = *channel.WatchState([](ChannelState) { FAIL(); });
  }
  watch = ChannelStateWatch();
  loop->RunReady();
}

TEST_P(ChannelStateTest, InAChildAfterForkTheChannelIsShutDown) {
  Listen();
  Channel channel = NewChannel();
  RawPeer server = MakeReady(channel);
  std::optional<ChannelStateWatch> watch = Watch(channel);
  EXPECT_THAT(log_.First(1), ElementsAre(kReady));
  const int failed = InChild([&] {
    if (channel.state() != kShutdown) return 1;
    if (!absl::IsFailedPrecondition(channel.WaitForReady(kGiveUp))) return 2;
    if (!absl::IsFailedPrecondition(
            channel.WatchState([](ChannelState) {}).status())) {
      return 3;
    }
    watch.reset();
    return 0;
  });
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(channel.state(), kReady);
}

}  // namespace
}  // namespace fdrpc::testing
