// How streams of a live server end other than by the handler's return, in each
// form of handlers.

#include <optional>
#include <string>

#include "tests/server/stream_server.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

class ServerEndsTest : public StreamServer {
 protected:
  // Nanoseconds, enough for a handler to begin.
  static constexpr uint64_t kSoon = 100'000'000;

  void SetUp() override { Serve(); }

  void ExpectCancelled(const std::string& progress) {
    EXPECT_EQ(log().Next(), progress + ", cancelled");
  }
};
FDRPC_IN_EACH_FORM(ServerEndsTest);

TEST_P(ServerEndsTest, ACancelWakesAHandlerThatReads) {
  StreamClient client = NewClient();
  client.Open(1, kChat);
  client.Write(1, "begun");
  EXPECT_EQ(client.ReadText(1), "begun");
  client.Cancel(1);
  ExpectCancelled("read 1, wrote 1");
  client.Open(2, kEcho, "alive");
  EXPECT_EQ(client.ReadEnd(2), kOk);
}

TEST_P(ServerEndsTest, ACancelWakesAHandlerThatWrites) {
  StreamClient client = NewClient();
  client.Open(1, kRepeat, std::string(70'000, 'x'));
  EXPECT_EQ(client.ReadText(1).size(), 70'000u);
  client.Cancel(1);
  // The second one was taken over.
  EXPECT_NE(log().Next().find("cancelled"), std::string::npos);
  client.Open(2, kEcho, "alive");
  EXPECT_EQ(client.ReadEnd(2), kOk);
}

TEST_P(ServerEndsTest, ALostConnectionWakesHandlers) {
  StreamClient client = NewClient();
  client.Open(1, kRepeat, std::string(70'000, 'x'));
  EXPECT_EQ(client.ReadText(1).size(), 70'000u);
  client.Open(2, kChat);
  client.Write(2, "begun");
  EXPECT_EQ(client.ReadText(2), "begun");
  client.peer().Close();
  EXPECT_NE(log().Next().find("cancelled"), std::string::npos);
  EXPECT_NE(log().Next().find("cancelled"), std::string::npos);
}

TEST_P(ServerEndsTest, ADeadlineWakesAHandlerThatReads) {
  StreamClient client = NewClient();
  client.Open(1, kChat, std::nullopt, kSoon);
  EXPECT_EQ(client.ReadEnd(1), StreamClient::kDeadlineExceeded);
  ExpectCancelled("read 0, wrote 0");
  client.Open(2, kEcho, "alive");
  EXPECT_EQ(client.ReadEnd(2), kOk);
}

TEST_P(ServerEndsTest, ADeadlineWakesAHandlerThatWrites) {
  StreamClient client = NewClient();
  client.Open(1, kRepeat, std::string(70'000, 'x'), kSoon);
  EXPECT_EQ(client.ReadText(1).size(), 70'000u);
  EXPECT_EQ(client.ReadEnd(1), StreamClient::kDeadlineExceeded);
  EXPECT_NE(log().Next().find("cancelled"), std::string::npos);
}

TEST_P(ServerEndsTest, EachOfManyDeadlinesIsKept) {
  StreamClient client = NewClient();
  constexpr uint32_t kCalls = 20;
  for (uint32_t call = 1; call <= kCalls; ++call) {
    client.Open(call, kChat, std::nullopt, kSoon * (kCalls - call + 1) / 20);
  }
  for (uint32_t call = 1; call <= kCalls; ++call) {
    const ReadFrame end = client.Read();
    EXPECT_EQ(end.frame.type, RawFrame::kStatus);
    EXPECT_EQ(end.frame.argument, StreamClient::kDeadlineExceeded);
  }
}

TEST_P(ServerEndsTest, ALateDeadlineDoesNotDisturbACall) {
  StreamClient client = NewClient();
  client.Open(1, kChat, std::nullopt, 3'600'000'000'000);
  client.Write(1, "begun");
  EXPECT_EQ(client.ReadText(1), "begun");
  client.HalfClose(1);
  EXPECT_EQ(client.ReadEnd(1), kOk);
  EXPECT_EQ(log().Next(), "read 1, wrote 1");
}

TEST_P(ServerEndsTest, RequestsThatNobodyReadsAreClosedWithTheirCall) {
  StreamClient client = NewClient();
  const UniqueFd file = FileWith("file");
  client.AwaitPong();
  const DescriptorCensus before = TakeCensus();
  // After 16 replies the handler may not reply, and does not read.
  client.Open(1, kPass);
  for (int i = 0; i < 100; ++i) client.WriteFile(1, file.get());
  {
    std::vector<ReadFrame> replies;
    for (int i = 0; i < 16; ++i) replies.push_back(client.Read());
    client.AwaitPong();
    EXPECT_NE(TakeCensus(), before);
    client.Cancel(1);
    EXPECT_NE(log().Next().find("cancelled"), std::string::npos);
  }
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

TEST_P(ServerEndsTest, AMessageThatIsNotCompleteIsClosedWithItsCall) {
  StreamClient client = NewClient();
  const UniqueFd file = FileWith("file");
  client.AwaitPong();
  const DescriptorCensus before = TakeCensus();
  client.Open(1, kPass);
  client.WriteFile(1, file.get());
  EXPECT_EQ(client.Read().descriptors.size(), 1u);
  client.Send({.type = RawFrame::kMessage,
               .call = 1,
               .flags = RawFrame::kHasMessage | RawFrame::kMore,
               .descriptors = 1,
               .payload = FileParcel::Bytes()},
              {file.get()});
  client.AwaitPong();
  EXPECT_NE(TakeCensus(), before);
  client.Cancel(1);
  ExpectCancelled("read 1, wrote 1");
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

TEST_P(ServerEndsTest, ManyStreamsThatAreOpenedAndCancelledLeaveNothing) {
  StreamClient client = NewClient();
  for (uint32_t call = 1; call <= 2000; ++call) {
    client.Open(call, call % 2 == 0 ? kChat : kJoin);
    client.Cancel(call);
  }
  client.Open(2001, kEcho, "alive");
  while (true) {
    // Some find that the connection has reached its limit of calls with running
    // handlers.
    const ReadFrame read = client.Read();
    ASSERT_EQ(read.frame.type, RawFrame::kStatus);
    if (read.frame.call == 2001) break;
    EXPECT_EQ(read.frame.argument, StreamClient::kResourceExhausted);
  }
}

TEST_P(ServerEndsTest, TheServersEndWaitsForHandlersThatWait) {
  StreamClient client = NewClient();
  for (uint32_t call = 1; call <= 10; ++call) {
    client.Open(call, kChat);
    client.Write(call, "begun");
    EXPECT_EQ(client.ReadText(call), "begun");
  }
  server_.reset();
  for (int i = 0; i < 10; ++i) {
    ASSERT_FALSE(log().empty()) << "a handler did not end";
    EXPECT_NE(log().Next().find("cancelled"), std::string::npos);
  }
}

}  // namespace
}  // namespace fdrpc::testing
