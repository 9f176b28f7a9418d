// Credit of a live server, in each form of handlers.

#include <string>

#include "tests/server/stream_server.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

constexpr int64_t kMessageCost = 16;

class ServerFlowControlTest : public StreamServer {};
FDRPC_IN_EACH_FORM(ServerFlowControlTest);

TEST_P(ServerFlowControlTest, RepliesStopWithoutCreditAndGoOnWithIt) {
  Serve();
  StreamClient client = NewClient();
  const std::string text(30'000, 'x');
  const uint32_t cost =
      static_cast<uint32_t>(StreamClient::TextBytes(text).size()) +
      kMessageCost;
  client.Open(1, kRepeat, text);
  // 65,536 allow two messages, and the third to begin.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.ReadText(1), text);
  client.AwaitPong();
  // The debt is not yet covered.
  client.Grant(1, 3 * cost - 65'536);
  client.AwaitPong();
  client.Grant(1, 1);
  EXPECT_EQ(client.ReadText(1), text);
  client.AwaitPong();
  client.Cancel(1);
  EXPECT_NE(log().Next().find("cancelled"), std::string::npos);
}

TEST_P(ServerFlowControlTest, TheStatusGoesBehindAMessageThatWaits) {
  Serve();
  // Of 300 messages of 303 bytes, 299 are allowed.
  StreamClient client = NewClient({.initial_credit_bytes = 299 * 319});
  const std::string text(300, 'x');
  client.Open(1, kRepeat, text);
  EXPECT_EQ(log().Next(), "read 1, wrote 300");
  for (int i = 0; i < 299; ++i) EXPECT_EQ(client.ReadText(1), text);
  client.AwaitPong();
  client.Grant(1, 1);
  EXPECT_EQ(client.ReadText(1), text);
  EXPECT_EQ(client.ReadEnd(1), kOk);
}

TEST_P(ServerFlowControlTest, ACallWhoseStatusWaitsIsInProgress) {
  Serve();
  StreamClient client = NewClient({.initial_credit_bytes = 299 * 319});
  client.Open(1, kRepeat, std::string(300, 'x'));
  EXPECT_EQ(log().Next(), "read 1, wrote 300");
  server_->Shutdown(absl::InfiniteDuration());
  for (int i = 0; i < 299; ++i) {
    EXPECT_EQ(client.Read().frame.type, RawFrame::kMessage);
  }
  EXPECT_EQ(client.ReadGoAway(), 0xffffffff);
  client.AwaitPong();
  client.Grant(1, 1);
  EXPECT_EQ(client.ReadText(1).size(), 300u);
  EXPECT_EQ(client.ReadEnd(1), kOk);
  EXPECT_TRUE(client.peer().ReachesEnd());
}

TEST_P(ServerFlowControlTest, ACallWhoseStatusWaitsCanBeCancelled) {
  Serve();
  StreamClient client = NewClient({.initial_credit_bytes = 299 * 319});
  client.Open(1, kRepeat, std::string(300, 'x'));
  EXPECT_EQ(log().Next(), "read 1, wrote 300");
  for (int i = 0; i < 299; ++i) client.ReadText(1);
  client.Cancel(1);
  client.Grant(1, 1000);
  client.Open(2, kEcho, "alive");
  EXPECT_EQ(client.ReadEnd(2), kOk);
}

TEST_P(ServerFlowControlTest, TheDeadlineEndsACallWhoseStatusWaits) {
  Serve();
  StreamClient client = NewClient({.initial_credit_bytes = 299 * 319});
  client.Open(1, kRepeat, std::string(300, 'x'), 100'000'000);
  int messages = 0;
  ReadFrame read = client.Read();
  for (; read.frame.type == RawFrame::kMessage; read = client.Read()) {
    ++messages;
  }
  EXPECT_LE(messages, 299);
  EXPECT_EQ(read.frame.type, RawFrame::kStatus);
  EXPECT_EQ(read.frame.argument, StreamClient::kDeadlineExceeded);
}

TEST_P(ServerFlowControlTest, RequestsAreGrantedAgainAsTheyAreRead) {
  Serve({.stream_window_bytes = 1u << 16});
  StreamClient client = NewClient();
  const std::string text(10'000, 'x');
  const int64_t cost =
      static_cast<int64_t>(StreamClient::TextBytes(text).size()) + kMessageCost;
  client.Open(1, kJoin);
  int64_t spent = 0;
  for (int i = 0; i < 50; ++i) {
    while (spent >= 65'536 + static_cast<int64_t>(client.granted_bytes())) {
      client.AwaitPong();
    }
    client.Write(1, text);
    spent += cost;
  }
  client.HalfClose(1);
  const ReadFrame end = client.ReadEndFrame(1);
  EXPECT_EQ(StreamClient::TextOf(end.frame.payload).size(), 500'000u);
  EXPECT_LE(static_cast<int64_t>(client.granted_bytes()), spent);
}

TEST_P(ServerFlowControlTest, AClientThatSendsBeyondItsCreditIsPoisoned) {
  Serve({.stream_window_bytes = 1u << 16});
  StreamClient client = NewClient();
  client.Open(1, kChat);
  client.Write(1, "begun");
  EXPECT_EQ(client.ReadText(1), "begun");
  const RawFrame message = {
      .type = RawFrame::kMessage,
      .call = 1,
      .flags = RawFrame::kHasMessage,
      .payload = StreamClient::TextBytes(std::string(30'000, 'x'))};
  // The handler stops reading when it may send no more replies.
  bool connected = true;
  for (int i = 0; i < 100 && connected; ++i) {
    connected = client.peer().Send(message);
  }
  EXPECT_TRUE(client.peer().ReachesEnd());
  EXPECT_NE(log().Next().find("cancelled"), std::string::npos);
}

TEST_P(ServerFlowControlTest, EmptyMessagesCostCreditToo) {
  Serve({.stream_window_bytes = 1u << 16});
  StreamClient client = NewClient();
  client.Open(1, kChat);
  const RawFrame empty = {
      .type = RawFrame::kMessage, .call = 1, .flags = RawFrame::kHasMessage};
  std::string thousand;
  for (int i = 0; i < 1000; ++i) thousand += empty.Bytes();
  bool connected = true;
  for (int i = 0; i < 20 && connected; ++i) {
    connected = client.peer().Send(thousand);
  }
  EXPECT_TRUE(client.peer().ReachesEnd());
}

TEST_P(ServerFlowControlTest, DescriptorsHaveACreditOfTheirOwn) {
  Serve({.stream_window_descriptors = 16});
  StreamClient client = NewClient();
  const UniqueFd file = FileWith("file");
  client.Open(1, kPass);
  for (int i = 0; i < 16; ++i) client.WriteFile(1, file.get());
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(client.Read().descriptors.size(), 1u);
  }
  client.AwaitPong();
  EXPECT_EQ(client.granted_descriptors(), 16u);
  // The 17th reply waits for credit of descriptors; credit of bytes does not
  // help.
  client.WriteFile(1, file.get());
  client.Grant(1, 1000);
  client.AwaitPong();
  client.Grant(1, 1, StreamClient::kDescriptorCredit);
  EXPECT_EQ(client.Read().descriptors.size(), 1u);
  client.HalfClose(1);
  EXPECT_EQ(client.ReadEnd(1), kOk);
}

TEST_P(ServerFlowControlTest, DescriptorsBeyondTheirCreditPoison) {
  Serve({.stream_window_descriptors = 16});
  StreamClient client = NewClient();
  const UniqueFd file = FileWith("file");
  client.Open(1, kPass);
  client.WriteFile(1, file.get());
  EXPECT_EQ(client.Read().descriptors.size(), 1u);
  bool connected = true;
  for (int i = 0; i < 100 && connected; ++i) {
    connected = client.peer().Send({.type = RawFrame::kMessage,
                                    .call = 1,
                                    .flags = RawFrame::kHasMessage,
                                    .descriptors = 1,
                                    .payload = FileParcel::Bytes()},
                                   {file.get()});
  }
  EXPECT_TRUE(client.peer().ReachesEnd());
  EXPECT_NE(log().Next().find("cancelled"), std::string::npos);
}

TEST_P(ServerFlowControlTest, AClientThatReadsLateGetsEverything) {
  Serve();
  StreamClient reader = NewClient({.initial_credit_bytes = 1u << 30});
  // 25 MB, of which the server queues 1 MB.
  const std::string text(5000, 'x');
  reader.Open(1, kRepeat, text);
  StreamClient other = NewClient();
  other.Open(1, kEcho, "alive");
  EXPECT_EQ(other.ReadEnd(1), kOk);
  EXPECT_EQ(log().Next(), "read 1, wrote 1");
  EXPECT_TRUE(log().empty());
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(reader.ReadText(1), text);
  EXPECT_EQ(reader.ReadEnd(1), kOk);
  EXPECT_EQ(log().Next(), "read 1, wrote 5000");
}

TEST_P(ServerFlowControlTest, AStreamThatIsNotReadBlocksNoOther) {
  Serve();
  StreamClient client = NewClient();
  client.Open(1, kRepeat, std::string(70'000, 'x'));
  EXPECT_EQ(client.ReadText(1).size(), 70'000u);
  client.Open(2, kChat);
  for (int i = 0; i < 10; ++i) {
    client.Write(2, "goes on");
    EXPECT_EQ(client.ReadText(2), "goes on");
  }
  client.HalfClose(2);
  EXPECT_EQ(client.ReadEnd(2), kOk);
}

TEST_P(ServerFlowControlTest, StreamsOfAConnectionTogetherAreBounded) {
  Serve({.max_held_bytes_per_connection = 100'000});
  StreamClient client = NewClient();
  // Of each, two replies are sent and two requests wait in the handler: one is
  // held back.
  for (uint32_t call = 1; call <= 10; ++call) client.Open(call, kChat);
  for (uint32_t call = 1; call <= 10; ++call) {
    for (int i = 0; i < 5; ++i) client.Write(call, std::string(60'000, 'x'));
  }
  // Some of the calls fail; the connection and its other calls do not.
  uint32_t failed = 0;
  while (failed == 0) {
    const ReadFrame read = client.Read();
    if (read.frame.type != RawFrame::kStatus) continue;
    EXPECT_EQ(read.frame.argument, StreamClient::kResourceExhausted);
    ++failed;
  }
}

// The mistakes in a credit frame are the same for all forms of handlers.
class CreditFramesTest : public StreamServer {
 protected:
  CreditFramesTest() { Serve(); }

  // Call 1 is in progress.
  StreamClient InChat() {
    StreamClient client = NewClient();
    client.Open(1, kChat);
    client.Write(1, "begun");
    EXPECT_EQ(client.ReadText(1), "begun");
    return client;
  }
  void ExpectPoisons(const RawFrame& credit, const std::vector<int>& fds = {}) {
    StreamClient client = InChat();
    client.Send(credit, fds);
    EXPECT_TRUE(client.peer().ReachesEnd());
  }
};
INSTANTIATE_TEST_SUITE_P(Blocking, CreditFramesTest,
                         ::testing::Values(kHandlerForms[0]));

TEST_P(CreditFramesTest, OfNothingPoison) {
  ExpectPoisons({.type = RawFrame::kCredit, .call = 1, .argument = 0});
}
TEST_P(CreditFramesTest, WithUnknownFlagsPoison) {
  ExpectPoisons(
      {.type = RawFrame::kCredit, .call = 1, .flags = 0x02, .argument = 1});
}
TEST_P(CreditFramesTest, WithAPayloadPoison) {
  ExpectPoisons({.type = RawFrame::kCredit,
                 .call = 1,
                 .argument = 1,
                 .payload = "payload"});
}
TEST_P(CreditFramesTest, WithDescriptorsPoison) {
  const UniqueFd file = FileWith("file");
  ExpectPoisons(
      {.type = RawFrame::kCredit, .call = 1, .descriptors = 1, .argument = 1},
      {file.get()});
}
TEST_P(CreditFramesTest, ForTheConnectionPoison) {
  ExpectPoisons({.type = RawFrame::kCredit, .call = 0, .argument = 1});
}
TEST_P(CreditFramesTest, ForACallThatWasNeverOpenedPoison) {
  ExpectPoisons({.type = RawFrame::kCredit, .call = 2, .argument = 1});
}
TEST_P(CreditFramesTest, BeyondWhatMakesSensePoison) {
  ExpectPoisons({.type = RawFrame::kCredit, .call = 1, .argument = 1u << 30});
}
TEST_P(CreditFramesTest, OfDescriptorsBeyondWhatMakesSensePoison) {
  ExpectPoisons({.type = RawFrame::kCredit,
                 .call = 1,
                 .flags = StreamClient::kDescriptorCredit,
                 .argument = 0xffffffff});
}
TEST_P(CreditFramesTest, ForACallThatHasEndedAreDropped) {
  StreamClient client = InChat();
  client.HalfClose(1);
  EXPECT_EQ(client.ReadEnd(1), kOk);
  for (int i = 0; i < 3; ++i) client.Grant(1, 1u << 30);
  client.AwaitPong();
}

}  // namespace
}  // namespace fdrpc::testing
