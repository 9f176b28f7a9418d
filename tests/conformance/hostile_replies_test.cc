// Servers whose replies and statuses are not what the call allows.
#include "tests/conformance/attacked_channel.h"

namespace fdrpc::testing {
namespace {

using HostileRepliesTest = AttackedChannel;
INSTANTIATE_TEST_SUITE_P(Over, HostileRepliesTest, kAllSchemes, SchemeName);

TEST_P(HostileRepliesTest, TheFirstStatusOfACallIsItsEnd) {
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = Accept();
  const uint32_t call = ReadCall(server);
  ASSERT_TRUE(server.Send(ReplyFrame(call, TextBytes("one")).Bytes() +
                          ReplyFrame(call, TextBytes("two")).Bytes() +
                          StatusFrame(call, 5, "three").Bytes()));
  const absl::StatusOr<Text> text = reply.get();
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(text->text(), "one");
  ExpectLives(server);
}

TEST_P(HostileRepliesTest, DescriptorsWhereTheReplyTakesNoneFailOnlyTheCall) {
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = Accept();
  ASSERT_TRUE(
      server.Send(ReplyFrame(ReadCall(server), TextBytes("x"), 253), Fds(253)));
  EXPECT_EQ(reply.get().status().code(), Code::kInternal);
  ExpectLives(server);
}

TEST_P(HostileRepliesTest, WrongSlotsFailOnlyTheCall) {
  const std::vector<std::vector<uint32_t>> wrong = {
      {1, 1}, {1, 3}, {0, 1}, {1}, {}, {1, 2, 3}, {1, 0xffffffff}};
  for (const std::vector<uint32_t>& slots : wrong) {
    ExpectEndsGet(
        [&](uint32_t call) {
          return ReplyFrame(call, FilesBytes(slots), 2).Bytes();
        },
        Fds(2), Code::kInternal);
  }
}

TEST_P(HostileRepliesTest, ACountThatIsNotTheSetsPoisons) {
  for (uint16_t count : {1, 3, 253, 254, 0xffff}) {
    ExpectPoisons(
        [&](uint32_t call) {
          return ReplyFrame(call, FilesBytes({1, 2}), count).Bytes();
        },
        Fds(2));
  }
  ExpectPoisons([](uint32_t call) {
    return ReplyFrame(call, FilesBytes({1}), 1).Bytes();
  });
}

TEST_P(HostileRepliesTest, ASetForAReplyThatAnnouncesNoneEndsTheConnection) {
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = Accept();
  server.Send(ReplyFrame(ReadCall(server), TextBytes("x")), Fds(2));
  // The reply may be taken before the set turns out to belong to no frame.
  const absl::Status status = reply.get().status();
  EXPECT_TRUE(status.ok() || absl::IsInternal(status)) << status;
  EXPECT_TRUE(server.ReachesEnd());
  server.Close();
  ExpectRecovers();
}

TEST_P(HostileRepliesTest, DescriptorsWithoutAMessagePoison) {
  ExpectPoisons(
      [](uint32_t call) {
        return RawFrame{
            .type = RawFrame::kStatus, .call = call, .descriptors = 1}
            .Bytes();
      },
      Fds(1));
}

TEST_P(HostileRepliesTest, MoreDescriptorsThanTheClientTakesFailOnlyTheCall) {
  stub_ = NewStub({.max_reply_descriptors = 16});
  ExpectEndsGet(
      [](uint32_t call) {
        return ReplyFrame(call, FilesBytes({1}), 17).Bytes();
      },
      Fds(17), Code::kResourceExhausted);
}

TEST_P(HostileRepliesTest, MoreBytesThanTheClientTakesFailOnlyTheCall) {
  stub_ = NewStub({.max_reply_bytes = 64u << 10});
  ExpectEndsCall(
      [](uint32_t call) {
        return ReplyFrame(call, std::string(100u << 10, 'x')).Bytes();
      },
      Code::kResourceExhausted);
  // In pieces: the call ends at the limit. Nobody reads the rest before the
  // next call, so it is no more than a socket holds.
  ExpectEndsCall(
      [](uint32_t call) {
        std::string bytes;
        for (int i = 0; i < 8; ++i) {
          bytes += RawFrame{.type = RawFrame::kMessage,
                            .call = call,
                            .flags = RawFrame::kHasMessage | RawFrame::kMore,
                            .payload = std::string(10u << 10, 'x')}
                       .Bytes();
        }
        return bytes + ReplyFrame(call, "").Bytes();
      },
      Code::kResourceExhausted);
}

// The server may have much more to send, and work for it.
TEST_P(HostileRepliesTest, APieceBeyondALimitEndsTheCallAndTheServerIsTold) {
  stub_ = NewStub({.max_reply_bytes = 64u << 10, .max_reply_descriptors = 16});
  const auto piece = [](uint32_t call, size_t bytes, uint16_t descriptors) {
    return RawFrame{.type = RawFrame::kMessage,
                    .call = call,
                    .flags = RawFrame::kHasMessage | RawFrame::kMore,
                    .descriptors = descriptors,
                    .payload = std::string(bytes, 'x')};
  };
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = Accept();
  uint32_t call = ReadCall(server);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(server.Send(piece(call, 40u << 10, 0)));
  }
  EXPECT_EQ(reply.get().status().code(), Code::kResourceExhausted);
  std::optional<ReadFrame> cancel = server.ReadType(RawFrame::kCancel);
  ASSERT_TRUE(cancel.has_value());
  EXPECT_EQ(cancel->frame.call, call);

  std::future<absl::StatusOr<Parcel<Files>>> files = Get();
  call = ReadCall(server);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(server.Send(piece(call, 1, 10), Fds(10)));
  }
  EXPECT_EQ(files.get().status().code(), Code::kResourceExhausted);
  EXPECT_TRUE(server.ReadType(RawFrame::kCancel).has_value());

  auto collected = std::async(std::launch::async, [this] {
    return stub_.Collect({.timeout = kGiveUp}).Finish().status();
  });
  call = ReadCall(server);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(server.Send(piece(call, 40u << 10, 0)));
  }
  EXPECT_EQ(collected.get().code(), Code::kResourceExhausted);
  EXPECT_TRUE(server.ReadType(RawFrame::kCancel).has_value());
  ExpectLives(server);
}

TEST_P(HostileRepliesTest, AnOkWithoutAReplyFailsOnlyTheCall) {
  ExpectEndsCall(
      [](uint32_t call) {
        return RawFrame{.type = RawFrame::kStatus, .call = call}.Bytes();
      },
      Code::kInternal);
  // Nor is a part of one a reply.
  ExpectEndsCall(
      [](uint32_t call) {
        return RawFrame{.type = RawFrame::kMessage,
                        .call = call,
                        .flags = RawFrame::kHasMessage | RawFrame::kMore,
                        .payload = "part"}
                   .Bytes() +
               RawFrame{.type = RawFrame::kStatus, .call = call}.Bytes();
      },
      Code::kInternal);
}

TEST_P(HostileRepliesTest, TwoMessagesForAUnaryCallFailOnlyTheCall) {
  const auto message = [](uint32_t call) {
    return RawFrame{.type = RawFrame::kMessage,
                    .call = call,
                    .flags = RawFrame::kHasMessage,
                    .payload = TextBytes("x")}
        .Bytes();
  };
  ExpectEndsCall([&](uint32_t call) { return message(call) + message(call); },
                 Code::kInternal);
  ExpectEndsCall(
      [&](uint32_t call) {
        return message(call) + ReplyFrame(call, TextBytes("y")).Bytes();
      },
      Code::kInternal);
}

TEST_P(HostileRepliesTest, BytesThatAreNoMessageFailOnlyTheCall) {
  ExpectEndsCall(
      [](uint32_t call) { return ReplyFrame(call, "\xff\xff").Bytes(); },
      Code::kInternal);
  ExpectEndsGet(
      [](uint32_t call) { return ReplyFrame(call, "\xff\xff", 3).Bytes(); },
      Fds(3), Code::kInternal);
}

TEST_P(HostileRepliesTest, AStatusCodeThatNobodyKnowsIsUnknown) {
  for (uint32_t code : {17u, 100u, 0x80000000u, 0xffffffffu}) {
    ExpectEndsCall(
        [&](uint32_t call) { return StatusFrame(call, code, "what").Bytes(); },
        Code::kUnknown);
  }
}

TEST_P(HostileRepliesTest, EveryStatusCodeArrivesWithItsText) {
  for (uint32_t code = 1; code <= 16; ++code) {
    std::future<absl::StatusOr<Text>> reply = Echo();
    RawPeer server = Accept();
    ASSERT_TRUE(server.Send(StatusFrame(ReadCall(server), code, "why")));
    const absl::Status status = reply.get().status();
    EXPECT_EQ(status.raw_code(), static_cast<int>(code));
    EXPECT_EQ(status.message(), "why");
  }
}

TEST_P(HostileRepliesTest, MalformedDetailsPoison) {
  const std::vector<std::string> malformed = {
      "",
      "abc",
      Bytes32(5),
      Bytes32(0xffffffff),
      Sized(""),
      Sized("abc"),
      Sized(Bytes32(0xffffffff)),
      Sized(Sized("text") + "x"),
      Sized(Sized("text") + Sized("url")),
      Sized(Sized("text") + Sized("url") + Bytes32(9) + "short")};
  for (const std::string& details : malformed) {
    ExpectPoisons([&](uint32_t call) {
      RawFrame frame = StatusFrame(call, 5, "");
      frame.payload = details;
      return frame.Bytes();
    });
  }
}

}  // namespace
}  // namespace fdrpc::testing
