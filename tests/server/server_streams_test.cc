// Streams of a live server, in each form of handlers: the frames that arrive
// and are sent.

#include <string>

#include "tests/server/stream_server.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

class ServerStreamsTest : public StreamServer {
 protected:
  ServerStreamsTest() { Serve(); }
};
FDRPC_IN_EACH_FORM(ServerStreamsTest);

TEST_P(ServerStreamsTest, AUnaryCallHasItsReplyInTheStatus) {
  StreamClient client = NewClient();
  client.Open(1, kEcho, "hello");
  const ReadFrame end = client.ReadEndFrame(1);
  EXPECT_EQ(end.frame.argument, kOk);
  EXPECT_EQ(end.frame.flags, RawFrame::kHasMessage);
  EXPECT_EQ(StreamClient::TextOf(end.frame.payload), "hello");
  EXPECT_EQ(log().Next(), "read 1, wrote 1");
}

TEST_P(ServerStreamsTest, AHandlerReadsAStreamOfRequestsToTheHalfClose) {
  StreamClient client = NewClient();
  client.Open(1, kJoin);
  client.Write(1, "a");
  client.Write(1, "b");
  client.Write(1, "c");
  client.HalfClose(1);
  const ReadFrame end = client.ReadEndFrame(1);
  EXPECT_EQ(end.frame.argument, kOk);
  EXPECT_EQ(StreamClient::TextOf(end.frame.payload), "abc");
  EXPECT_EQ(log().Next(), "read 3, wrote 0");
}

TEST_P(ServerStreamsTest, TheHalfCloseMayComeWithTheLastMessage) {
  StreamClient client = NewClient();
  client.Open(1, kJoin);
  client.Write(1, "a");
  client.Write(1, "b", RawFrame::kHalfClose);
  EXPECT_EQ(StreamClient::TextOf(client.ReadEndFrame(1).frame.payload), "ab");
}

TEST_P(ServerStreamsTest, AStreamOfRequestsMayBeEmpty) {
  StreamClient client = NewClient();
  client.Open(1, kJoin);
  client.HalfClose(1);
  EXPECT_EQ(client.ReadEnd(1), kOk);
  EXPECT_EQ(log().Next(), "read 0, wrote 0");
}

TEST_P(ServerStreamsTest, TheOpenFrameMayCarryTheHalfClose) {
  StreamClient client = NewClient();
  client.Send({.type = RawFrame::kOpen,
               .call = 1,
               .flags = RawFrame::kHalfClose,
               .argument = kChat});
  EXPECT_EQ(client.ReadEnd(1), kOk);
  EXPECT_EQ(log().Next(), "read 0, wrote 0");
}

TEST_P(ServerStreamsTest, AMessageInTheOpenFrameOfAStreamFailsTheCall) {
  StreamClient client = NewClient();
  client.Open(1, kChat, "message");
  EXPECT_EQ(client.ReadEnd(1), StreamClient::kInternal);
  client.Open(2, kEcho, "lives");
  EXPECT_EQ(client.ReadEnd(2), StreamClient::kOk);
}

TEST_P(ServerStreamsTest, AMessageBehindTheHalfCloseOfAStreamPoisons) {
  StreamClient client = NewClient();
  // Without credit for a reply the call stays in progress.
  client.Open(1, kRepeat, std::string(70'000, 'x'));
  EXPECT_EQ(client.ReadText(1).size(), 70'000u);
  client.HalfClose(1);
  EXPECT_TRUE(client.peer().ReachesEnd());
  EXPECT_NE(log().Next().find("cancelled"), std::string::npos);
}

TEST_P(ServerStreamsTest, AHandlerMayFinishBeforeTheHalfClose) {
  StreamClient client = NewClient();
  client.Open(1, kJoin);
  client.Write(1, "a");
  client.Write(1, "stop");
  EXPECT_EQ(StreamClient::TextOf(client.ReadEndFrame(1).frame.payload), "a");
  EXPECT_EQ(log().Next(), "read 1, wrote 0");
  // What crossed with the end of the call is dropped.
  client.Write(1, "b");
  client.Grant(1, 100);
  client.HalfClose(1);
  client.Cancel(1);
  client.Open(2, kEcho, "alive");
  EXPECT_EQ(client.ReadEnd(2), kOk);
}

TEST_P(ServerStreamsTest, RepliesOfAStreamAreMessagesBeforeTheStatus) {
  StreamClient client = NewClient();
  client.Open(1, kRepeat, "three");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.ReadText(1), "three");
  const ReadFrame end = client.ReadEndFrame(1);
  EXPECT_EQ(end.frame.argument, kOk);
  EXPECT_EQ(end.frame.flags, 0);
  EXPECT_EQ(end.frame.payload, "");
  EXPECT_EQ(log().Next(), "read 1, wrote 5");
}

TEST_P(ServerStreamsTest, AStreamOfRepliesMayBeEmpty) {
  StreamClient client = NewClient();
  client.Open(1, kRepeat, "");
  EXPECT_EQ(client.ReadEnd(1), kOk);
}

TEST_P(ServerStreamsTest, RequestsAndRepliesOfACallTakeTurns) {
  StreamClient client = NewClient();
  client.Open(1, kChat);
  for (int i = 0; i < 100; ++i) {
    const std::string text = std::to_string(i);
    client.Write(1, text);
    EXPECT_EQ(client.ReadText(1), text);
  }
  client.HalfClose(1);
  EXPECT_EQ(client.ReadEnd(1), kOk);
  EXPECT_EQ(log().Next(), "read 100, wrote 100");
}

TEST_P(ServerStreamsTest, StreamsOfOneConnectionGoOnSideBySide) {
  StreamClient client = NewClient();
  constexpr uint32_t kCalls = 20;
  for (uint32_t call = 1; call <= kCalls; ++call) client.Open(call, kChat);
  for (uint32_t call = kCalls; call >= 1; --call) {
    client.Write(call, std::to_string(call));
    EXPECT_EQ(client.ReadText(call), std::to_string(call));
  }
  for (uint32_t call = 1; call <= kCalls; ++call) {
    client.HalfClose(call);
    EXPECT_EQ(client.ReadEnd(call), kOk);
  }
}

TEST_P(ServerStreamsTest, AMessageInPiecesIsOneMessage) {
  StreamClient client = NewClient();
  client.Open(1, kChat);
  const std::string bytes = StreamClient::TextBytes("in three pieces");
  const size_t third = bytes.size() / 3;
  for (int i = 0; i < 3; ++i) {
    const uint8_t more = i < 2 ? RawFrame::kMore : 0;
    client.Send({.type = RawFrame::kMessage,
                 .call = 1,
                 .flags = static_cast<uint8_t>(RawFrame::kHasMessage | more),
                 .payload = i < 2 ? bytes.substr(i * third, third)
                                  : bytes.substr(2 * third)});
  }
  EXPECT_EQ(client.ReadText(1), "in three pieces");
  client.HalfClose(1);
  EXPECT_EQ(client.ReadEnd(1), kOk);
}

TEST_P(ServerStreamsTest, AHalfCloseWithinAMessageFailsTheCall) {
  StreamClient client = NewClient();
  client.Open(1, kChat);
  client.Write(1, "whole");
  EXPECT_EQ(client.ReadText(1), "whole");
  client.Write(1, "begun", RawFrame::kMore);
  client.HalfClose(1);
  EXPECT_EQ(client.ReadEnd(1), StreamClient::kInternal);
  EXPECT_EQ(log().Next(), "read 1, wrote 1, cancelled");
}

TEST_P(ServerStreamsTest, AMessageThatIsNoneFailsTheCall) {
  StreamClient client = NewClient();
  client.Open(1, kChat);
  client.Write(1, "fine");
  EXPECT_EQ(client.ReadText(1), "fine");
  client.Send({.type = RawFrame::kMessage,
               .call = 1,
               .flags = RawFrame::kHasMessage,
               .payload = "\xff"});
  EXPECT_EQ(client.ReadEnd(1), StreamClient::kInternal);
  EXPECT_EQ(log().Next(), "read 1, wrote 1, cancelled");
  // The connection continues, also for what arrives late.
  client.Write(1, "late");
  client.Open(2, kEcho, "alive");
  EXPECT_EQ(client.ReadEnd(2), kOk);
}

TEST_P(ServerStreamsTest, DescriptorsTravelInStreamsBothWays) {
  StreamClient client = NewClient();
  client.Open(1, kPass);
  for (int i = 0; i < 40; ++i) {
    const UniqueFd file = FileWith(std::to_string(i));
    client.WriteFile(1, file.get());
    ReadFrame reply = client.Read();
    ASSERT_EQ(reply.frame.type, RawFrame::kMessage);
    ASSERT_EQ(reply.descriptors.size(), 1u);
    EXPECT_TRUE(SameDescription(reply.descriptors[0].get(), file.get()));
    client.Grant(1, 1, StreamClient::kDescriptorCredit);
  }
  client.HalfClose(1);
  EXPECT_EQ(client.ReadEnd(1), kOk);
  EXPECT_EQ(log().Next(), "read 40, wrote 40");
}

TEST_P(ServerStreamsTest, DescriptorsOfATypeThatHasNoneFailTheCall) {
  StreamClient client = NewClient();
  const UniqueFd file = FileWith("file");
  client.Open(1, kChat);
  client.Write(1, "without");
  EXPECT_EQ(client.ReadText(1), "without");
  client.Send({.type = RawFrame::kMessage,
               .call = 1,
               .flags = RawFrame::kHasMessage,
               .descriptors = 1,
               .payload = StreamClient::TextBytes("with")},
              {file.get()});
  EXPECT_EQ(client.ReadEnd(1), StreamClient::kInternal);
  EXPECT_EQ(log().Next(), "read 1, wrote 1, cancelled");
}

TEST_P(ServerStreamsTest, ADescriptorThatNoFieldNamesFailsTheCall) {
  StreamClient client = NewClient();
  const UniqueFd file = FileWith("file");
  client.Open(1, kPass);
  client.Send({.type = RawFrame::kMessage,
               .call = 1,
               .flags = RawFrame::kHasMessage,
               .descriptors = 1,
               .payload = FileParcel::Bytes(2)},
              {file.get()});
  EXPECT_EQ(client.ReadEnd(1), StreamClient::kInternal);
}

TEST_P(ServerStreamsTest, AServerThatDrainsLetsStreamsGoOn) {
  StreamClient client = NewClient();
  client.Open(1, kChat);
  client.Write(1, "before");
  EXPECT_EQ(client.ReadText(1), "before");
  server_->Shutdown(absl::InfiniteDuration());
  EXPECT_EQ(client.ReadGoAway(), 0xffffffff);
  client.Write(1, "after");
  EXPECT_EQ(client.ReadText(1), "after");
  client.HalfClose(1);
  EXPECT_EQ(client.ReadEnd(1), kOk);
  EXPECT_TRUE(client.peer().ReachesEnd());
  server_->Wait();
}

TEST_P(ServerStreamsTest, TheEndOfTheDrainCancelsStreams) {
  StreamClient client = NewClient();
  client.Open(1, kChat);
  client.Write(1, "begun");
  EXPECT_EQ(client.ReadText(1), "begun");
  client.Open(2, kRepeat, std::string(70'000, 'x'));
  EXPECT_EQ(client.ReadText(2).size(), 70'000u);
  server_->Shutdown(absl::ZeroDuration());
  EXPECT_TRUE(client.peer().ReachesEnd());
  server_->Wait();
  EXPECT_NE(log().Next().find("cancelled"), std::string::npos);
  EXPECT_NE(log().Next().find("cancelled"), std::string::npos);
}

}  // namespace
}  // namespace fdrpc::testing
