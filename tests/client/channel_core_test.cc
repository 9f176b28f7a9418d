// Calls over the loopback transport against a server that the test scripts
// frame by frame.

#include "client/channel_core.h"

#include <future>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/scripted_server.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/manual_clock.h"
#include "tests/support/test_service.h"
#include "transport/loopback_transport.h"

namespace fdrpc {
namespace {

using ::fdrpc::testing::ExpectSameDescriptors;
using ::fdrpc::testing::Files;
using ::fdrpc::testing::ScriptedServer;
using ::fdrpc::testing::Text;
using ::testing::HasSubstr;

using Stub = ::fdrpc::testing::TestService::Stub;

constexpr Method kTell = {.full_name = "fdrpc.testing.TestService/Echo",
                          .one_way = true};
const Text kEmpty;

class ChannelCoreTest : public ::testing::Test {
 protected:
  // The process's loop stays, and is no descriptor that a test leaves open.
  static void SetUpTestSuite() { ASSERT_TRUE(LoopCore::Default().ok()); }

  // Each connection goes to a scripted server of its own, in this order; the
  // first one holds so many frames.
  std::shared_ptr<Caller> NewCaller(
      int connections = 1,
      size_t capacity = std::numeric_limits<size_t>::max()) {
    auto ends = std::make_shared<std::vector<std::unique_ptr<Transport>>>();
    for (int i = 0; i < connections; ++i) {
      absl::StatusOr<LoopbackTransport::Pair> pair =
          i == 0 ? LoopbackTransport::CreatePair(capacity)
                 : LoopbackTransport::CreatePair();
      EXPECT_TRUE(pair.ok());
      ends->insert(ends->begin(), std::move(pair->first));
      servers_.push_back(
          std::make_unique<ScriptedServer>(std::move(pair->second)));
    }
    return std::make_shared<ChannelCore>(
        [ends]() -> absl::StatusOr<std::unique_ptr<Transport>> {
          if (ends->empty()) return absl::UnavailableError("no more servers");
          std::unique_ptr<Transport> end = std::move(ends->back());
          ends->pop_back();
          return end;
        },
        ChannelOptions(), nullptr, clock_);
  }
  Stub NewStub(int connections = 1) { return Stub(NewCaller(connections)); }
  ScriptedServer& server(size_t i = 0) { return *servers_[i]; }

  ExpectSameDescriptors census_;
  // Not of the process's loop: calls of callbacks have no deadlines here.
  testing::ManualClock clock_{testing::ManualClock::Between::kRuns};
  std::vector<std::unique_ptr<ScriptedServer>> servers_;
};

TEST_F(ChannelCoreTest, SendsTheCallRightBehindItsHello) {
  Stub stub = NewStub();
  absl::StatusOr<Text> reply;
  std::thread caller([&] { reply = stub.Echo(Text()); });
  server().Await(FrameType::kHello);
  server().Await(FrameType::kMethod);
  const FrameHeader open = server().Await(FrameType::kOpen);
  EXPECT_EQ(open.call_id, 1u);
  EXPECT_EQ(open.argument, 1u);
  EXPECT_EQ(open.flags, kFlagMessage | kFlagHalfClose);
  server().SayHello();
  server().Reply(1, "late hello");
  caller.join();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "late hello");
}

TEST_F(ChannelCoreTest, HoldsALargeCallBackUntilTheServersHello) {
  Stub stub = NewStub();
  Text request;
  request.set_data(std::string(kGuaranteedMessageBytes + 1, 'x'));
  absl::StatusOr<Text> reply;
  std::thread caller([&] { reply = stub.Echo(request); });
  server().Await(FrameType::kHello);
  server().SayHello({.max_message_bytes = 1u << 20});
  server().Await(FrameType::kOpen);
  server().Reply(1, "x");
  caller.join();
  EXPECT_TRUE(reply.ok()) << reply.status();
}

TEST_F(ChannelCoreTest, ReadyShowsTheEndToWhoNeverWaits) {
  const std::shared_ptr<Caller> caller = NewCaller();
  constexpr Method kChat = {.full_name = "fdrpc.testing.TestService/Chat",
                            .kind = MethodKind::kBidirectional};
  for (const bool goes : {false, true}) {
    const std::shared_ptr<ClientCall> call =
        caller->StartCall(kChat, nullptr, {}, CallForm::kBlocking);
    const uint32_t id = server().Await(FrameType::kOpen).call_id;
    EXPECT_FALSE(call->Ready(CallEvent::kEnd));
    EXPECT_FALSE(call->Ready(CallEvent::kMessage));
    if (goes) {
      server().Close();
    } else {
      server().SayHello();
      server().Send(
          BuildStatus(id, absl::AbortedError("x"), {}, {}, nullptr, {}));
    }
    while (!call->Ready(CallEvent::kEnd)) std::this_thread::yield();
    EXPECT_EQ(call->status().code(), goes ? absl::StatusCode::kUnavailable
                                          : absl::StatusCode::kAborted);
    EXPECT_FALSE(call->Send(kEmpty, /*last=*/false));
  }
}

TEST_F(ChannelCoreTest, ReadyShowsTheDeadlineToWhoNeverWaits) {
  const std::shared_ptr<Caller> caller = NewCaller();
  constexpr Method kChat = {.full_name = "fdrpc.testing.TestService/Chat",
                            .kind = MethodKind::kBidirectional};
  const std::shared_ptr<ClientCall> call = caller->StartCall(
      kChat, nullptr, {.timeout = absl::Hours(1)}, CallForm::kBlocking);
  EXPECT_FALSE(call->Ready(CallEvent::kEnd));
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(call->Ready(CallEvent::kEnd));
  EXPECT_TRUE(absl::IsDeadlineExceeded(call->status()));
  server().Await(FrameType::kCancel);
}

TEST_F(ChannelCoreTest, AOneWayCallEndsWhenItIsSentAndIsNotAnswered) {
  const std::shared_ptr<Caller> caller = NewCaller();
  EXPECT_TRUE(internal::BlockingOneWay(*caller, kTell, kEmpty, {}).ok());
  const FrameHeader open = server().Await(FrameType::kOpen);
  EXPECT_EQ(open.call_id, 1u);
  EXPECT_EQ(open.flags, kFlagMessage | kFlagHalfClose | kFlagOneWay);
  server().SayHello();
  server().Reply(1, "nobody asked");
  absl::StatusOr<Text> reply;
  std::thread asks([&] { reply = Stub(caller).Echo(Text()); });
  EXPECT_EQ(server().Await(FrameType::kOpen).call_id, 2u);
  server().Reply(2, "asked");
  asks.join();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "asked");
}

TEST_F(ChannelCoreTest, HoldsALargeOneWayCallBackUntilTheServersHello) {
  const std::shared_ptr<Caller> caller = NewCaller();
  Text request;
  request.set_data(std::string(kGuaranteedMessageBytes + 1, 'x'));
  absl::Status sent = absl::UnknownError("not sent");
  std::thread tells(
      [&] { sent = internal::BlockingOneWay(*caller, kTell, request, {}); });
  server().Await(FrameType::kHello);
  server().SayHello({.max_message_bytes = 1u << 20});
  server().Await(FrameType::kOpen);
  tells.join();
  EXPECT_TRUE(sent.ok()) << sent;
  request.set_data(std::string(2u << 20, 'x'));
  EXPECT_TRUE(absl::IsResourceExhausted(
      internal::BlockingOneWay(*caller, kTell, request, {})));
}

TEST_F(ChannelCoreTest, MakesAOneWayCallAgainThatItHasNotSent) {
  const std::shared_ptr<Caller> caller = NewCaller(2);
  EXPECT_TRUE(internal::BlockingOneWay(*caller, kTell, kEmpty, {}).ok());
  server(0).Await(FrameType::kOpen);
  server(0).Close();
  EXPECT_TRUE(internal::BlockingOneWay(*caller, kTell, kEmpty, {}).ok());
  EXPECT_EQ(server(1).Await(FrameType::kOpen).call_id, 1u);
  server(1).Close();
  EXPECT_TRUE(absl::IsUnavailable(
      internal::BlockingOneWay(*caller, kTell, kEmpty, {})));
}

// As of a plugin that was unloaded and another that was loaded in its place.
TEST_F(ChannelCoreTest, KnowsAMethodByItsNameAndNotByItsAddress) {
  const std::shared_ptr<Caller> caller = NewCaller();
  std::string name = "fdrpc.testing.TestService/Echo";
  const Method method = {.full_name = name, .one_way = true};
  EXPECT_TRUE(internal::BlockingOneWay(*caller, method, kEmpty, {}).ok());
  EXPECT_TRUE(internal::BlockingOneWay(*caller, method, kEmpty, {}).ok());
  name.replace(name.size() - 4, 4, "Evil");
  EXPECT_TRUE(internal::BlockingOneWay(*caller, method, kEmpty, {}).ok());
  EXPECT_EQ(server().Await(FrameType::kOpen).argument, 1u);
  EXPECT_EQ(server().Await(FrameType::kOpen).argument, 1u);
  EXPECT_EQ(server().Await(FrameType::kMethod).argument, 2u);
  EXPECT_EQ(server().Await(FrameType::kOpen).argument, 2u);
}

TEST_F(ChannelCoreTest, NamesAMethodOnceForAConnection) {
  Stub stub = NewStub();
  std::thread caller([&] {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(stub.Echo(Text()).ok());
    EXPECT_FALSE(stub.Get(Text()).ok());
  });
  server().SayHello();
  EXPECT_EQ(server().Await(FrameType::kMethod).argument, 1u);
  for (uint32_t id = 1; id <= 3; ++id) {
    EXPECT_EQ(server().Await(FrameType::kOpen).argument, 1u);
    server().Reply(id, "");
  }
  EXPECT_EQ(server().Await(FrameType::kMethod).argument, 2u);
  EXPECT_EQ(server().Await(FrameType::kOpen).argument, 2u);
  server().Close();
  caller.join();
}

TEST_F(ChannelCoreTest, TellsTheServerOfACallThatItsCallerGaveUp) {
  Stub stub = NewStub();
  std::stop_source stop;
  absl::StatusOr<Text> reply;
  std::thread caller(
      [&] { reply = stub.Echo(Text(), {.cancellation = stop.get_token()}); });
  server().SayHello();
  server().Await(FrameType::kOpen);
  stop.request_stop();
  EXPECT_EQ(server().Await(FrameType::kCancel).call_id, 1u);
  caller.join();
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(ChannelCoreTest, DropsAReplyThatCrossesWithTheDeadline) {
  Stub stub = NewStub();
  absl::StatusOr<Text> reply;
  std::thread caller([&] {
    reply = stub.Echo(Text(), {.timeout = absl::Hours(1)});
    EXPECT_TRUE(stub.Echo(Text()).ok());
  });
  server().SayHello();
  server().Await(FrameType::kOpen);
  clock_.Advance(absl::Hours(1));
  server().Await(FrameType::kCancel);
  server().Reply(1, "too late");
  server().Await(FrameType::kOpen);
  server().Reply(2, "in time");
  caller.join();
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(ChannelCoreTest, MakesACallBehindTheGoAwayAgainOnANewConnection) {
  Stub stub = NewStub(2);
  absl::StatusOr<Text> reply;
  std::thread caller([&] { reply = stub.Echo(Text()); });
  server(0).SayHello();
  server(0).Await(FrameType::kOpen);
  server(0).Send(BuildGoAway(0));
  server(1).SayHello();
  server(1).Await(FrameType::kOpen);
  server(1).Reply(1, "from the successor");
  caller.join();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "from the successor");
}

// Hello, method, and the first call's open: what is behind them waits.
constexpr size_t kOneCall = 3;

TEST_F(ChannelCoreTest, MakesACallAgainWhoseDescriptorsWaitAtTheGoAway) {
  Stub stub(NewCaller(2, kOneCall));
  std::promise<absl::Status> first;
  std::promise<absl::Status> second;
  stub.async().Echo(Text(), {}, [&](absl::StatusOr<Text> reply) {
    first.set_value(reply.status());
  });
  Parcel<Files> files;
  files.add_files(testing::FileWith("x"));
  stub.async().Put(std::move(files), {}, [&](absl::StatusOr<Text> reply) {
    second.set_value(reply.status());
  });
  server(0).SayHello();
  server(0).Send(BuildGoAway(0, "full"));
  server(1).SayHello();
  server(1).Await(FrameType::kOpen);
  server(1).Reply(1, "from the successor");
  EXPECT_TRUE(first.get_future().get().ok());
  // So the go-away has been read.
  server(0).Close();
  server(1).Await(FrameType::kOpen);
  server(1).Reply(2, "from the successor");
  const absl::Status end = second.get_future().get();
  EXPECT_TRUE(end.ok()) << end;
}

TEST_F(ChannelCoreTest, ACallThatCannotBeSentHearsWhyFromWhoReads) {
  Stub stub(NewCaller(1, kOneCall));
  std::promise<absl::Status> first;
  std::promise<absl::Status> second;
  stub.async().Echo(Text(), {}, [&](absl::StatusOr<Text> reply) {
    first.set_value(reply.status());
  });
  // Is not made again: a message has been written.
  auto chat = stub.async().Chat();
  std::promise<bool> written;
  chat.Write(Text(), [&](bool sent) { written.set_value(sent); });
  EXPECT_TRUE(written.get_future().get());
  chat.Finish([&](absl::Status end) { second.set_value(std::move(end)); });
  server().EndReceiving();
  server().SayHello();
  server().Reply(1, "");
  EXPECT_TRUE(first.get_future().get().ok());
  server().Send(BuildGoAway(1, "for maintenance"));
  server().Close();
  const absl::Status end = second.get_future().get();
  EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(end.message()), HasSubstr("for maintenance"));
}

TEST_F(ChannelCoreTest, AThreadThatWritesGoesOnWhenItIsWokenForNothing) {
  Stub stub(NewCaller(1, kOneCall));
  auto chat = stub.Chat();
  std::thread writes([&] { EXPECT_TRUE(chat.Write(Text())); });
  // What arrives wakes it, or has this thread pass the reading to it. There is
  // no room for the message yet, and only it would write that.
  server().SayHello();
  server().Send(BuildHeaders(1, {{"key", "value"}}));
  EXPECT_EQ(chat.headers().Get("key"), "value");
  server().Await(FrameType::kMessage);
  writes.join();
  server().Send(BuildStatus(1, absl::OkStatus(), {}, {}, nullptr, {}));
  EXPECT_TRUE(chat.Finish().ok());
}

TEST_F(ChannelCoreTest, FinishesACallWithinTheGoAwayOnItsConnection) {
  Stub stub = NewStub(1);
  absl::StatusOr<Text> reply;
  std::thread caller([&] { reply = stub.Echo(Text()); });
  server().SayHello();
  server().Await(FrameType::kOpen);
  server().Send(BuildGoAway(1));
  server().Reply(1, "drained");
  caller.join();
  ASSERT_TRUE(reply.ok()) << reply.status();
}

TEST_F(ChannelCoreTest, DoesNotRepeatACallThatTheServerMayHaveSeen) {
  Stub stub = NewStub(2);
  absl::StatusOr<Text> reply;
  std::thread caller([&] { reply = stub.Echo(Text()); });
  server(0).SayHello();
  server(0).Await(FrameType::kOpen);
  server(0).Close();
  caller.join();
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ChannelCoreTest, EndsTheConnectionAtAProtocolError) {
  Stub stub = NewStub();
  absl::StatusOr<Text> reply;
  std::thread caller([&] { reply = stub.Echo(Text()); });
  server().SayHello();
  server().Await(FrameType::kOpen);
  server().Reply(77, "for a call that was never made");
  caller.join();
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(reply.status().message()),
              HasSubstr("a call that was never made"));
}

TEST_F(ChannelCoreTest, OneThreadReadsForAllAndHandsOverWhenItsCallHasEnded) {
  Stub stub = NewStub();
  constexpr uint32_t kCalls = 8;
  std::vector<std::thread> callers;
  for (uint32_t i = 0; i < kCalls; ++i) {
    callers.emplace_back([&] { EXPECT_TRUE(stub.Echo(Text()).ok()); });
  }
  server().SayHello();
  for (uint32_t i = 0; i < kCalls; ++i) server().Await(FrameType::kOpen);
  // One after the other, in the order in which the reader's call is first.
  for (uint32_t id = 1; id <= kCalls; ++id) server().Reply(id, "");
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace fdrpc
