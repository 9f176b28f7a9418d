// Servers that leave, stall or die.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "fdrpc/server.h"
#include "tests/conformance/attacked_channel.h"
#include "tests/support/child.h"
#include "tests/support/clocked_client.h"
#include "tests/support/running_loop.h"

namespace fdrpc::testing {
namespace {

class LostServerTest : public AttackedChannel {
 protected:
  void TearDown() override { stub_ = NewStub(); }

  // Has calls go by a clock that stands still.
  void StopClock() { stub_ = TestService::Stub(client_.NewChannel(address())); }
  // Lets time pass until the call has ended.
  void PassTimeUntilEnd(std::future<absl::StatusOr<Text>>& reply) {
    client_.clock().AdvanceUntil(kTimeout, [&](auto within) {
      return reply.wait_for(within) == std::future_status::ready;
    });
  }
  // After StopClock(). The client writes less than the window, and never waits:
  // what the server did has arrived, and it looks once in a while.
  bool WritesEnd(ClientStream<Text, Text>& chat) {
    constexpr int kMost = 100;
    for (int i = 0; i < kMost; ++i) {
      if (!chat.Write(Text())) return true;
      client_.clock().Advance(absl::Milliseconds(1));
    }
    return false;
  }

  static constexpr absl::Duration kTimeout = absl::Hours(1);
  ClockedClient client_;
};
INSTANTIATE_TEST_SUITE_P(Over, LostServerTest, kAllSchemes, SchemeName);

TEST_P(LostServerTest, ThatClosesWithoutAHelloIsTriedAgainSomeTimes) {
  std::future<absl::StatusOr<Text>> reply = Echo();
  int attempts = 0;
  while (reply.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    if (!listener_.HasPending()) {
      std::this_thread::yield();
      continue;
    }
    // Read first: a close with unread bytes ends differently.
    RawPeer server = listener_.Accept();
    ReadCall(server);
    ++attempts;
  }
  EXPECT_EQ(reply.get().status().code(), Code::kUnavailable);
  EXPECT_GE(attempts, 2);
  EXPECT_LE(attempts, 10);
  ExpectRecovers();
}

TEST_P(LostServerTest, ThatResetsWithoutAHelloIsTriedAgainSomeTimes) {
  std::future<absl::StatusOr<Text>> reply = Echo();
  while (reply.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    if (listener_.HasPending()) listener_.Accept().Close();
    std::this_thread::yield();
  }
  EXPECT_EQ(reply.get().status().code(), Code::kUnavailable);
  ExpectRecovers();
}

TEST_P(LostServerTest, ThatClosesAfterItsHelloEndsTheCall) {
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = Accept();
  ReadCall(server);
  server.Close();
  EXPECT_EQ(reply.get().status().code(), Code::kUnavailable);
  ExpectRecovers();
}

TEST_P(LostServerTest, ThatClosesInTheMiddleOfAReplyEndsTheCall) {
  if (packets()) GTEST_SKIP() << kNoParts;
  for (size_t size : {1, 15, 16, 17, 20}) {
    std::future<absl::StatusOr<Parcel<Files>>> reply = Get();
    RawPeer server = Accept();
    const std::string bytes =
        ReplyFrame(ReadCall(server), FilesBytes({1, 2, 3}), 3).Bytes();
    ASSERT_TRUE(server.Send(bytes.substr(0, size), Fds(3)));
    server.Close();
    EXPECT_EQ(reply.get().status().code(), Code::kUnavailable);
    ExpectRecovers();
  }
}

TEST_P(LostServerTest, LeavesNothingOfAReplyThatNeverEnded) {
  if (packets()) GTEST_SKIP() << kNoParts;
  std::future<absl::StatusOr<Text>> first = Echo();
  RawPeer server = Accept();
  ASSERT_TRUE(server.Send(ReplyFrame(ReadCall(server), TextBytes("x"))));
  ASSERT_TRUE(first.get().ok());
  const size_t before = TakeCensus().size();
  std::future<absl::StatusOr<Parcel<Files>>> reply = Get();
  const std::string bytes =
      ReplyFrame(ReadCall(server), FilesBytes({1}), 200).Bytes();
  ASSERT_TRUE(server.Send(bytes.substr(0, 17), Fds(200)));
  server.Close();
  EXPECT_EQ(reply.get().status().code(), Code::kUnavailable);
  // Without a further call: the channel has closed what arrived by itself.
  EXPECT_LE(TakeCensus().size(), before);
}

TEST_P(LostServerTest, ThatGoesAwayShowsInNoCallbackOfACallMadeElsewhere) {
  RunningLoop loop;
  const TestService::Stub stub = NewStub({.loop = loop.loop()});
  std::promise<absl::StatusOr<Text>> told;
  stub.async().Echo(
      Text(), {.timeout = kGiveUp},
      [&](absl::StatusOr<Text> reply) { told.set_value(std::move(reply)); });
  RawPeer leaving = Accept();
  EXPECT_GT(ReadCall(leaving), 0u);
  ASSERT_TRUE(leaving.Send(RawFrame{.type = RawFrame::kGoAway}));
  RawPeer next = Accept();
  ASSERT_TRUE(next.Send(ReplyFrame(ReadCall(next), TextBytes("next"))));
  const absl::StatusOr<Text> text = told.get_future().get();
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(text->text(), "next");
}

TEST_P(LostServerTest, ThatGoesAwayHasLaterCallsMadeElsewhere) {
  std::future<absl::StatusOr<Text>> first = Echo();
  RawPeer leaving = Accept();
  const uint32_t seen = ReadCall(leaving);
  std::future<absl::StatusOr<Text>> second = Echo();
  EXPECT_GT(ReadCall(leaving), seen);
  // The first call is served, the second was not looked at.
  ASSERT_TRUE(
      leaving.Send(RawFrame{.type = RawFrame::kGoAway, .argument = seen}));
  RawPeer next = Accept();
  ASSERT_TRUE(next.Send(ReplyFrame(ReadCall(next), TextBytes("next"))));
  ASSERT_TRUE(leaving.Send(ReplyFrame(seen, TextBytes("last"))));
  leaving.Close();
  absl::StatusOr<Text> text = first.get();
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(text->text(), "last");
  text = second.get();
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(text->text(), "next");
  ExpectLives(next);
}

TEST_P(LostServerTest, ThatGoesAwayBehindEveryCallServesThemAll) {
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer leaving = Accept();
  const uint32_t call = ReadCall(leaving);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(leaving.Send(
        RawFrame{.type = RawFrame::kGoAway, .argument = 0xffffffff}));
  }
  ASSERT_TRUE(leaving.Send(ReplyFrame(call, TextBytes("x"))));
  EXPECT_TRUE(reply.get().ok());
  ExpectRecovers();
}

TEST_P(LostServerTest, ThatIsGoingGetsNoStreamThatBegins) {
  std::future<absl::StatusOr<Text>> first = Echo();
  RawPeer going = Accept();
  ASSERT_TRUE(going.Send(ReplyFrame(ReadCall(going), "")));
  ASSERT_TRUE(first.get().ok());
  ASSERT_TRUE(going.Send(
      RawFrame{.type = RawFrame::kGoAway, .argument = 0xffffffff}.Bytes() +
      PingFrame(7).Bytes()));
  std::future<bool> written = std::async(std::launch::async, [this] {
    auto chat = stub_.Chat();
    return chat.Write(Text());
  });
  RawPeer next = Accept();
  EXPECT_TRUE(next.ReadType(RawFrame::kOpen).has_value());
  EXPECT_TRUE(written.get());
  std::optional<ReadFrame> answer = going.Read();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->frame.type, RawFrame::kPong);
  EXPECT_TRUE(going.ReachesEnd());
}

TEST_P(LostServerTest, ThatAlwaysGoesAwayIsGivenUp) {
  std::future<absl::StatusOr<Text>> reply = Echo();
  int attempts = 0;
  while (reply.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    if (!listener_.HasPending()) {
      std::this_thread::yield();
      continue;
    }
    RawPeer server = Accept();
    ReadCall(server);
    server.Send(RawFrame{.type = RawFrame::kGoAway, .argument = 0});
    ++attempts;
  }
  EXPECT_EQ(reply.get().status().code(), Code::kUnavailable);
  EXPECT_LE(attempts, 10);
  ExpectRecovers();
}

TEST_P(LostServerTest, ThatAnswersTooLateAnswersNothing) {
  StopClock();
  std::future<absl::StatusOr<Text>> first = Echo();
  RawPeer server = Accept();
  ASSERT_TRUE(server.Send(ReplyFrame(ReadCall(server), TextBytes("x"))));
  ASSERT_TRUE(first.get().ok());
  const DescriptorCensus before = TakeCensus();
  absl::StatusOr<Parcel<Files>> reply;
  client_.clock().AdvanceWhile(
      kTimeout, [&] { reply = stub_.Get(Text(), {.timeout = kTimeout}); });
  EXPECT_EQ(reply.status().code(), Code::kDeadlineExceeded);
  const uint32_t call = ReadCall(server);
  std::optional<ReadFrame> cancel = server.ReadType(RawFrame::kCancel);
  ASSERT_TRUE(cancel.has_value());
  EXPECT_EQ(cancel->frame.call, call);
  ASSERT_TRUE(server.Send(ReplyFrame(call, FilesBytes({1, 2}), 2), Fds(2)));
  ASSERT_TRUE(server.Send(StatusFrame(call, 5, "late")));
  ExpectLives(server);
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

TEST_P(LostServerTest, ThatNeverSaysHelloLetsCallsReachTheirDeadlines) {
  StopClock();
  std::vector<std::future<absl::StatusOr<Text>>> replies;
  // More than a client sends before it knows the server's limits.
  for (int i = 0; i < 20; ++i) replies.push_back(Echo({.timeout = kTimeout}));
  RawPeer server = listener_.Accept();
  for (auto& reply : replies) {
    PassTimeUntilEnd(reply);
    EXPECT_EQ(reply.get().status().code(), Code::kDeadlineExceeded);
  }
}

TEST_P(LostServerTest, ThatNeverReadsLetsCallsReachTheirDeadlines) {
  StopClock();
  std::future<absl::StatusOr<Text>> first = Echo();
  RawPeer server = Accept();
  ASSERT_TRUE(server.Send(ReplyFrame(ReadCall(server), TextBytes("x"))));
  ASSERT_TRUE(first.get().ok());
  const DescriptorCensus before = TakeCensus();
  for (int i = 0; i < 150; ++i) {
    Parcel<Files> request;
    request->set_text(std::string(60'000, 'x'));
    for (int file = 0; file < 8; ++file) request.add_files(FileWith("mine"));
    absl::StatusOr<Text> reply;
    // The deadline, and the time in which the socket may still get room.
    client_.clock().AdvanceWhile(absl::Milliseconds(25), [&] {
      reply = stub_.Put(std::move(request), {.timeout = absl::Milliseconds(1)});
    });
    ASSERT_EQ(reply.status().code(), Code::kDeadlineExceeded) << reply.status();
  }
  // A call that has ended holds nothing, whether it was sent or not, except the
  // one whose frame is on its way.
  EXPECT_LE(TakeCensus().size(), before.size() + 8);
  // What the server finally reads is whole frames and nothing else.
  std::future<absl::StatusOr<Text>> last = Echo();
  while (true) {
    std::optional<ReadFrame> read = server.ReadType(RawFrame::kOpen);
    ASSERT_TRUE(read.has_value());
    // Echo is the first method that this client named.
    if (read->frame.argument != 1) continue;
    ASSERT_TRUE(server.Send(ReplyFrame(read->frame.call, TextBytes("x"))));
    break;
  }
  EXPECT_TRUE(last.get().ok());
}

TEST_P(LostServerTest, ThatGoesHasWritesFailThatNeverWait) {
  StopClock();
  auto chat = stub_.Chat();
  RawPeer server = Accept();
  ReadCall(server);
  server.Close();
  EXPECT_TRUE(WritesEnd(chat));
  EXPECT_EQ(chat.Finish().code(), Code::kUnavailable);
  ExpectRecovers();
}

TEST_P(LostServerTest, ThatGoesBehindItsStatusHasWritesFailWithIt) {
  StopClock();
  auto chat = stub_.Chat();
  RawPeer server = Accept();
  ASSERT_TRUE(server.Send(StatusFrame(ReadCall(server), 10, "enough")));
  // Unread data makes the close a reset.
  chat.Write(Text());
  server.Close();
  EXPECT_TRUE(WritesEnd(chat));
  EXPECT_EQ(chat.Finish().code(), Code::kAborted);
  ExpectRecovers();
}

TEST_P(LostServerTest, ThatEndsAStreamHasWritesFailThatNeverWait) {
  StopClock();
  auto chat = stub_.Chat();
  RawPeer server = Accept();
  ASSERT_TRUE(server.Send(StatusFrame(ReadCall(server), 10, "enough")));
  EXPECT_TRUE(WritesEnd(chat));
  EXPECT_EQ(chat.Finish().code(), Code::kAborted);
  ExpectLives(server);
}

TEST_P(LostServerTest, HearsOfACancelInsteadOfAHalfCloseBehindTheDeadline) {
  StopClock();
  auto chat = stub_.Chat({.timeout = kTimeout});
  RawPeer server = Accept();
  const uint32_t call = ReadCall(server);
  client_.clock().Advance(kTimeout);
  chat.WritesDone();
  std::optional<ReadFrame> frame = server.Read();
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->frame.type, RawFrame::kCancel);
  EXPECT_EQ(frame->frame.call, call);
  EXPECT_EQ(chat.Finish().code(), Code::kDeadlineExceeded);
  ExpectLives(server);
}

class KilledServerTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Over, KilledServerTest, kAllSchemes, SchemeName);

TEST_P(KilledServerTest, EndsEveryCallAtOnce) {
  const ExpectSameDescriptors census;
  constexpr int kCalls = 8;
  const TempDir dir;
  const std::string address = dir.address("socket", GetParam());
  std::pair<UniqueFd, UniqueFd> pipe = Pipe();
  const pid_t child = Fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    FakeService service;
    service.exchange = [&](ServerContext&, Parcel<Files>&, Parcel<Files>&) {
      if (write(pipe.second.get(), "x", 1) != 1) _exit(3);
      while (true) ::pause();
      return absl::OkStatus();
    };
    Server server;
    server.AddService(service);
    if (!server.Listen(address).ok()) _exit(4);
    server.Run();
    _exit(5);
  }
  pipe.second.Reset();
  {
    absl::StatusOr<Channel> channel = Channel::Connect(address);
    ASSERT_TRUE(channel.ok());
    TestService::Stub stub(*channel);
    ASSERT_TRUE(stub.Echo(Text(), {.wait_for_ready = true}).ok());
    std::vector<std::future<absl::Status>> calls;
    for (int i = 0; i < kCalls; ++i) {
      calls.push_back(std::async(std::launch::async, [&] {
        Parcel<Files> request;
        request.set_first(FileWith("x"));
        return stub.Exchange(std::move(request)).status();
      }));
    }
    for (int i = 0; i < kCalls; ++i) {
      char byte;
      ASSERT_EQ(read(pipe.first.get(), &byte, 1), 1);
    }
    const auto killed = std::chrono::steady_clock::now();
    kill(child, SIGKILL);
    for (std::future<absl::Status>& call : calls) {
      const absl::Status status = call.get();
      EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    }
    EXPECT_LT(std::chrono::steady_clock::now() - killed,
              std::chrono::seconds(10));
    EXPECT_EQ(stub.Echo(Text()).status().code(),
              absl::StatusCode::kUnavailable);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

}  // namespace
}  // namespace fdrpc::testing
