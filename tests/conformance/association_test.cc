// Which descriptors belong to which frame, however the bytes are split and
// joined.

#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "tests/conformance/attacked_server.h"
#include "tests/support/fault_injection.h"

namespace fdrpc::testing {
namespace {

class AssociationTest : public AttackedServer {
 protected:
  // Sends an Exchange of files with these contents, and reads them back.
  static void ExpectExchanges(RawPeer& client, uint32_t call,
                              const std::vector<std::string>& contents) {
    std::vector<UniqueFd> files = FilesWith(contents);
    ASSERT_TRUE(
        client.Send(ExchangeOf(call, contents.size()), NumbersOf(files)));
    ExpectExchanged(client, call, contents);
  }
  static void ExpectExchanged(RawPeer& client, uint32_t call,
                              const std::vector<std::string>& contents) {
    RawStatus status = client.ReadStatus(call);
    ASSERT_EQ(status.code, kOk) << status.text;
    ASSERT_EQ(status.descriptors.size(), contents.size());
    for (size_t i = 0; i < contents.size(); ++i) {
      EXPECT_EQ(ReadRest(status.descriptors[i].get()), contents[i]);
    }
  }
  static RawFrame ExchangeOf(uint32_t call, size_t count) {
    return OpenFrame(call, kExchange,
                     FilesBytesTo(static_cast<uint32_t>(count)),
                     static_cast<uint16_t>(count));
  }
  static std::vector<UniqueFd> FilesWith(
      const std::vector<std::string>& contents) {
    std::vector<UniqueFd> files;
    for (const std::string& content : contents) {
      files.push_back(FileWith(content));
    }
    return files;
  }
  static std::vector<int> NumbersOf(const std::vector<UniqueFd>& files) {
    std::vector<int> numbers;
    for (const UniqueFd& file : files) numbers.push_back(file.get());
    return numbers;
  }
  static std::vector<std::string> Contents(size_t count) {
    std::vector<std::string> contents;
    for (size_t i = 0; i < count; ++i) contents.push_back(std::to_string(i));
    return contents;
  }
};
INSTANTIATE_TEST_SUITE_P(Over, AssociationTest, kAllSchemes, SchemeName);

TEST_P(AssociationTest, APlainFrameBeforeADescriptorFrameInOneRead) {
  Serve();
  RawPeer client = NewClient();
  const UniqueFd file = FileWith("mine");
  {
    // The server does not read until everything has arrived.
    auto sent = std::make_shared<std::latch>(1);
    const FaultInjection holding([sent](std::string_view name, size_t) {
      if (name == "recvmsg") sent->wait();
      return FaultInjection::Fault();
    });
    ASSERT_TRUE(client.Send(OpenFrame(1, kEcho, TextBytes("plain"))));
    ASSERT_TRUE(client.Send(ExchangeOf(2, 1), {file.get()}));
    ASSERT_TRUE(client.Send(OpenFrame(3, kEcho, TextBytes("plain"))));
    sent->count_down();
    ExpectExchanged(client, 2, {"mine"});
  }
}

TEST_P(AssociationTest, APlainFrameAndADescriptorFrameOfOneSend) {
  if (packets()) GTEST_SKIP() << kNoParts;
  Serve();
  RawPeer client = NewClient();
  const UniqueFd file = FileWith("mine");
  // The set comes with the first byte of the plain frame. Within the bytes of
  // that read, only the descriptor frame can own it.
  ASSERT_TRUE(client.Send(OpenFrame(1, kEcho, TextBytes("plain")).Bytes() +
                              ExchangeOf(2, 1).Bytes(),
                          {file.get()}));
  ExpectExchanged(client, 2, {"mine"});
}

TEST_P(AssociationTest, DescriptorFramesBackToBack) {
  Serve();
  RawPeer client = NewClient();
  constexpr uint32_t kCalls = 50;
  for (uint32_t call = 1; call <= kCalls; ++call) {
    const UniqueFd file = FileWith(std::to_string(call));
    ASSERT_TRUE(client.Send(ExchangeOf(call, 1), {file.get()}));
  }
  std::vector<std::string> contents(kCalls + 1);
  for (uint32_t i = 0; i < kCalls; ++i) {
    std::optional<ReadFrame> read = client.ReadType(RawFrame::kStatus);
    ASSERT_TRUE(read.has_value());
    ASSERT_EQ(read->descriptors.size(), 1u);
    contents.at(read->frame.call) = ReadRest(read->descriptors[0].get());
  }
  for (uint32_t call = 1; call <= kCalls; ++call) {
    EXPECT_EQ(contents[call], std::to_string(call));
  }
}

TEST_P(AssociationTest, AHeaderSplitAtEveryByteWithTheSetOnTheFirst) {
  if (packets()) GTEST_SKIP() << kNoParts;
  Serve();
  RawPeer client = NewClient();
  const std::vector<std::string> contents = {"one", "two", "three"};
  const std::vector<UniqueFd> files = FilesWith(contents);
  uint32_t call = 0;
  for (size_t at = 1; at <= RawFrame::kHeaderBytes; ++at) {
    // A plain call first: when its reply arrives, the server has read what was
    // sent before.
    ExpectLives(client, ++call);
    const std::string bytes = ExchangeOf(++call, contents.size()).Bytes();
    for (const UniqueFd& file : files) lseek(file.get(), 0, SEEK_SET);
    ASSERT_TRUE(client.Send(bytes.substr(0, at), NumbersOf(files)));
    // The other connection's call is served after the first part.
    RawPeer other = NewClient();
    ExpectLives(other, 1);
    ASSERT_TRUE(client.Send(bytes.substr(at)));
    ExpectExchanged(client, call, contents);
  }
}

TEST_P(AssociationTest, ADescriptorFrameOneByteAtATime) {
  if (packets()) GTEST_SKIP() << kNoParts;
  Serve();
  RawPeer client = NewClient();
  const std::vector<std::string> contents = Contents(5);
  const std::vector<UniqueFd> files = FilesWith(contents);
  ASSERT_TRUE(client.SendBytewise(ExchangeOf(1, 5).Bytes(), NumbersOf(files)));
  ExpectExchanged(client, 1, contents);
}

TEST_P(AssociationTest, ADescriptorMessageLargerThanTheSocketBuffer) {
  Serve();
  absl::StatusOr<Channel> channel = Channel::Connect(address());
  ASSERT_TRUE(channel.ok());
  TestService::Stub stub(*channel);
  for (int i = 0; i < 3; ++i) {
    Parcel<Files> request;
    request->set_text(std::string((3u << 20) + i, 'x'));
    request.set_first(FileWith("once"));
    request.add_files(FileWith("only"));
    absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ((*reply)->text().size(), (3u << 20) + i);
    EXPECT_EQ(ReadRest(reply->take_first().get()), "once");
    EXPECT_EQ(ReadRest(reply->take_files(0).get()), "only");
  }
}

TEST_P(AssociationTest, AnEmptyPayloadWithADescriptorIsItsFramesAlone) {
  Serve();
  // The set belongs to the frame, which has no field for it: the call fails,
  // and the next frame gets its own set.
  ExpectFailsCall(OpenFrame(1, kPut, "", 1), Fds(1), kInternal);
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(OpenFrame(1, kPut, "", 1), Fds(1)));
  ExpectExchanges(client, 2, {"next"});
}

TEST_P(AssociationTest, AnEmptyLastPieceBringsDescriptors) {
  Serve();
  RawPeer client = NewClient();
  RawFrame open = OpenFrame(1, kExchange, FilesBytesTo(2));
  open.flags = RawFrame::kHasMessage | RawFrame::kMore;
  ASSERT_TRUE(client.Send(open));
  const std::vector<std::string> contents = {"a", "b"};
  const std::vector<UniqueFd> files = FilesWith(contents);
  ASSERT_TRUE(client.Send(
      RawFrame{.type = RawFrame::kMessage,
               .call = 1,
               .flags = RawFrame::kHasMessage | RawFrame::kHalfClose,
               .descriptors = 2},
      NumbersOf(files)));
  ExpectExchanged(client, 1, contents);
}

TEST_P(AssociationTest, EveryCountUpToWhatOneSendTakes) {
  Serve();
  RawPeer client = NewClient();
  uint32_t call = 0;
  // Odd and even: control messages are padded.
  for (size_t count : {1, 2, 3, 4, 15, 16, 17, 64, 127, 128, 251, 252, 253}) {
    ExpectExchanges(client, ++call, Contents(count));
  }
}

TEST_P(AssociationTest, MoreThanOneSendTakesComesInPieces) {
  Serve();
  RawPeer client = NewClient();
  const std::vector<std::string> contents = Contents(254);
  const std::vector<UniqueFd> files = FilesWith(contents);
  const std::vector<int> numbers = NumbersOf(files);
  RawFrame open = ExchangeOf(1, 254);
  open.flags = RawFrame::kHasMessage | RawFrame::kMore;
  open.descriptors = 253;
  ASSERT_TRUE(client.Send(open, {numbers.begin(), numbers.begin() + 253}));
  ASSERT_TRUE(client.Send(
      RawFrame{.type = RawFrame::kMessage,
               .call = 1,
               .flags = RawFrame::kHasMessage | RawFrame::kHalfClose,
               .descriptors = 1},
      {numbers.back()}));
  ExpectExchanged(client, 1, contents);
}

TEST_P(AssociationTest, PiecesOfSeveralMessagesInterleaved) {
  Serve();
  RawPeer client = NewClient();
  constexpr uint32_t kCalls = 10;
  constexpr uint32_t kPieces = 5;
  for (uint32_t piece = 0; piece < kPieces; ++piece) {
    for (uint32_t call = 1; call <= kCalls; ++call) {
      const UniqueFd file =
          FileWith(std::to_string(call) + "/" + std::to_string(piece));
      RawFrame frame = piece == 0 ? ExchangeOf(call, kPieces)
                                  : RawFrame{.type = RawFrame::kMessage,
                                             .call = call,
                                             .flags = RawFrame::kHasMessage};
      frame.flags =
          RawFrame::kHasMessage |
          (piece + 1 < kPieces ? RawFrame::kMore : RawFrame::kHalfClose);
      frame.descriptors = 1;
      ASSERT_TRUE(client.Send(frame, {file.get()}));
    }
  }
  for (uint32_t i = 0; i < kCalls; ++i) {
    std::optional<ReadFrame> read = client.ReadType(RawFrame::kStatus);
    ASSERT_TRUE(read.has_value());
    ASSERT_EQ(read->descriptors.size(), kPieces);
    for (uint32_t piece = 0; piece < kPieces; ++piece) {
      EXPECT_EQ(ReadRest(read->descriptors[piece].get()),
                std::to_string(read->frame.call) + "/" + std::to_string(piece));
    }
  }
}

TEST_P(AssociationTest, TheAdvertisedMaximumIsTakenAndOneMoreFailsTheCall) {
  Serve({.max_request_descriptors = 300});
  absl::StatusOr<Channel> channel = Channel::Connect(address());
  ASSERT_TRUE(channel.ok());
  TestService::Stub stub(*channel);
  for (int count : {300, 301, 300}) {
    Parcel<Files> request;
    for (int i = 0; i < count; ++i) request.add_files(FileWith("x"));
    absl::StatusOr<Text> reply = stub.Put(std::move(request));
    EXPECT_EQ(reply.status().code(), count == 300
                                         ? absl::StatusCode::kOk
                                         : absl::StatusCode::kResourceExhausted)
        << reply.status();
  }
}

TEST_P(AssociationTest, OneDescriptorAboveTheMaximumFromAClientThatSendsIt) {
  Serve({.max_request_descriptors = 20});
  ExpectFailsCall(OpenFrame(1, kPut, FilesBytesTo(21), 21), Fds(21),
                  kResourceExhausted);
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(OpenFrame(1, kPut, FilesBytesTo(20), 20), Fds(20)));
  EXPECT_EQ(client.ReadStatus(1).code, kOk);
}

TEST_P(AssociationTest, ManySendersThroughOneChannel) {
  Serve();
  absl::StatusOr<Channel> channel = Channel::Connect(address());
  ASSERT_TRUE(channel.ok());
  TestService::Stub stub(*channel);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 60; ++i) {
        Parcel<Files> request;
        const int count = (thread * 7 + i) % 9;
        const std::string mine =
            std::to_string(thread) + ":" + std::to_string(i);
        for (int file = 0; file < count; ++file) {
          request.add_files(FileWith(mine + ":" + std::to_string(file)));
        }
        request->set_text(std::string(i % 5 == 0 ? 100'000 : 10, 'x'));
        absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
        ASSERT_TRUE(reply.ok()) << reply.status();
        ASSERT_EQ(reply->files_size(), count);
        for (int file = 0; file < count; ++file) {
          ASSERT_EQ(ReadRest(reply->take_files(file).get()),
                    mine + ":" + std::to_string(file));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace fdrpc::testing
