// Servers whose frames break the protocol.
#include "tests/conformance/attacked_channel.h"

namespace fdrpc::testing {
namespace {

using HostileServerTest = AttackedChannel;
INSTANTIATE_TEST_SUITE_P(Over, HostileServerTest, kAllSchemes, SchemeName);

TEST_P(HostileServerTest, AGarbageHelloEndsTheCall) {
  for (const std::string& hello :
       {RawHello{.magic = "HTTP"}.Bytes(),
        RawHello{.version = 3, .oldest_version = 2}.Bytes(),
        RawHello{.max_descriptors = 0}.Bytes(), PingFrame(1).Bytes(),
        std::string("HTTP/1.1 400 Bad Request\r\n\r\n")}) {
    std::future<absl::StatusOr<Text>> reply = Echo();
    RawPeer server = listener_.Accept();
    server.Send(hello);
    const absl::Status status = reply.get().status();
    EXPECT_EQ(status.code(), Code::kInternal) << status;
    EXPECT_TRUE(server.ReachesEnd());
    ExpectRecovers();
  }
}

TEST_P(HostileServerTest, ADescriptorWithTheHelloEndsTheCall) {
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = listener_.Accept();
  RawFrame hello = RawHello().Frame();
  hello.descriptors = 1;
  server.Send(hello, Fds(1));
  EXPECT_EQ(reply.get().status().code(), Code::kInternal);
  EXPECT_TRUE(server.ReachesEnd());
  ExpectRecovers();
}

TEST_P(HostileServerTest, AFrameForACallThatWasNeverMadePoisons) {
  ExpectPoisons(
      [](uint32_t call) { return StatusFrame(call + 1, 0, "").Bytes(); });
  ExpectPoisons(
      [](uint32_t) { return StatusFrame(0xffffffff, 0, "").Bytes(); });
  ExpectPoisons([](uint32_t) { return StatusFrame(0, 0, "").Bytes(); });
}

TEST_P(HostileServerTest, ATypeThatOnlyAClientSendsPoisons) {
  for (uint8_t type : {RawFrame::kOpen, RawFrame::kCancel, RawFrame::kMethod}) {
    SCOPED_TRACE(static_cast<int>(type));
    ExpectPoisons([&](uint32_t call) {
      return RawFrame{.type = type, .call = call}.Bytes();
    });
    ExpectPoisons([&](uint32_t) { return RawFrame{.type = type}.Bytes(); });
  }
}

TEST_P(HostileServerTest, AWrongFrameForAFinishedCallPoisonsToo) {
  for (uint8_t type :
       {RawFrame::kOpen, RawFrame::kCancel, RawFrame::kMethod, uint8_t{0x40}}) {
    SCOPED_TRACE(static_cast<int>(type));
    std::future<absl::StatusOr<Text>> first = Echo();
    RawPeer server = Accept();
    const uint32_t finished = ReadCall(server);
    ASSERT_TRUE(server.Send(ReplyFrame(finished, TextBytes("x"))));
    ASSERT_TRUE(first.get().ok());
    std::future<absl::StatusOr<Text>> second = Echo();
    ReadCall(server);
    server.Send(RawFrame{.type = type, .call = finished});
    EXPECT_EQ(second.get().status().code(), Code::kInternal);
    EXPECT_TRUE(server.ReachesEnd());
    server.Close();
    ExpectRecovers();
  }
}

TEST_P(HostileServerTest, AnUnknownTypePoisonsUnlessItIsSkippable) {
  for (int type : {0, 17, 0x7f}) {
    ExpectPoisons([&](uint32_t call) {
      return RawFrame{.type = static_cast<uint8_t>(type), .call = call}.Bytes();
    });
  }
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = Accept();
  const uint32_t call = ReadCall(server);
  ASSERT_TRUE(server.Send(RawFrame{.type = 0x81,
                                   .call = 0xffffffff,
                                   .flags = AnyFlags(),
                                   .descriptors = 253,
                                   .payload = "unknown"},
                          Fds(253)));
  ASSERT_TRUE(server.Send(ReplyFrame(call, TextBytes("x"))));
  EXPECT_TRUE(reply.get().ok());
  ExpectLives(server);
}

TEST_P(HostileServerTest, ASecondHelloPoisons) {
  ExpectPoisons([](uint32_t) { return RawHello().Bytes(); });
}

TEST_P(HostileServerTest, APayloadAboveTheLimitPoisonsBeforeItArrives) {
  for (uint32_t length : {(1u << 20) + 1, 1u << 31, ~0u}) {
    ExpectPoisons([&](uint32_t call) {
      RawFrame frame = ReplyFrame(call, "");
      frame.length = length;
      return frame.Bytes();
    });
  }
}

TEST_P(HostileServerTest, FlagsOutOfRangePoison) {
  for (uint8_t flag : {0x10, 0x20, 0x40, 0x80}) {
    ExpectPoisons([&](uint32_t call) {
      RawFrame frame = ReplyFrame(call, TextBytes("x"));
      frame.flags |= flag;
      return frame.Bytes();
    });
  }
  for (uint8_t flag : {0x01, 0x02, 0x04, 0x20, 0x40, 0x80}) {
    ExpectPoisons([&](uint32_t call) {
      return RawFrame{
          .type = RawFrame::kMessage,
          .call = call,
          .flags = static_cast<uint8_t>(flag | RawFrame::kHasMessage)}
          .Bytes();
    });
  }
  ExpectPoisons([](uint32_t call) {
    return RawFrame{.type = RawFrame::kMessage, .call = call}.Bytes();
  });
  ExpectPoisons([](uint32_t call) {
    return RawFrame{.type = RawFrame::kHeaders, .call = call}.Bytes();
  });
}

TEST_P(HostileServerTest, MalformedMetadataPoisons) {
  std::vector<std::pair<std::string, std::string>> many(1025, {"k", "v"});
  const std::vector<std::string> malformed = {
      "",
      Bytes32(7),
      Sized("x"),
      Sized(MetadataBlock({{"Upper", "v"}})),
      Sized(MetadataBlock({{"", "v"}})),
      Sized(MetadataBlock({{"k", "\n"}})),
      Sized(MetadataBlock(many)),
      Sized(MetadataBlock({{"k", std::string(70'000, 'v')}}))};
  for (const std::string& section : malformed) {
    for (uint8_t flag : {RawFrame::kTrailers, RawFrame::kMetadata}) {
      ExpectPoisons([&](uint32_t call) {
        return RawFrame{.type = RawFrame::kStatus,
                        .call = call,
                        .flags = flag,
                        .argument = 5,
                        .payload = section}
            .Bytes();
      });
    }
  }
}

TEST_P(HostileServerTest, HeadersWithoutEndAreBounded) {
  // Each is within the limits, and all belong to one call.
  const std::string block =
      MetadataBlock({{"k", std::string((64u << 10) - 6, 'v')}});
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = Accept();
  const uint32_t call = ReadCall(server);
  const std::string bytes = HeadersFrame(call, Sized(block)).Bytes();
  size_t sent = 0;
  while (sent < 1000 && server.Send(bytes)) ++sent;
  EXPECT_LT(sent, 1000u) << "the client keeps all of it";
  EXPECT_FALSE(reply.get().ok());
}

TEST_P(HostileServerTest, HeadersOutOfPlacePoison) {
  const auto headers = [](uint32_t call) {
    return HeadersFrame(call, Sized(MetadataBlock({{"k", "v"}})));
  };
  const auto end = [&](uint32_t call) {
    return RawFrame{.type = RawFrame::kStatus,
                    .call = call,
                    .flags = RawFrame::kMetadata | RawFrame::kHasMessage,
                    .payload = headers(call).payload + TextBytes("x")};
  };
  const auto piece = [](uint32_t call) {
    return RawFrame{.type = RawFrame::kMessage,
                    .call = call,
                    .flags = RawFrame::kHasMessage | RawFrame::kMore,
                    .payload = TextBytes("x")};
  };
  ExpectPoisons([&](uint32_t call) {
    return headers(call).Bytes() + headers(call).Bytes();
  });
  ExpectPoisons(
      [&](uint32_t call) { return headers(call).Bytes() + end(call).Bytes(); });
  ExpectPoisons([&](uint32_t call) {
    return piece(call).Bytes() + headers(call).Bytes();
  });
  ExpectPoisons(
      [&](uint32_t call) { return piece(call).Bytes() + end(call).Bytes(); });
  // A block without its length, or with additional bytes.
  for (const std::string& payload :
       {std::string(), MetadataBlock({{"k", "v"}}),
        Sized(MetadataBlock({{"k", "v"}})) + "x", Bytes32(9)}) {
    ExpectPoisons([&](uint32_t call) {
      RawFrame frame = headers(call);
      frame.payload = payload;
      return frame.Bytes();
    });
  }
}

TEST_P(HostileServerTest, HeadersInAnyPlaceThatTheyHaveArrive) {
  const std::string section = Sized(MetadataBlock({{"k", "v"}}));
  ExpectEndsCall(
      [&](uint32_t call) {
        return HeadersFrame(call, section).Bytes() +
               ReplyFrame(call, TextBytes("x")).Bytes();
      },
      Code::kOk);
  ExpectEndsCall(
      [&](uint32_t call) {
        return RawFrame{.type = RawFrame::kStatus,
                        .call = call,
                        .flags = RawFrame::kMetadata | RawFrame::kHasMessage,
                        .payload = section + TextBytes("x")}
            .Bytes();
      },
      Code::kOk);
}

TEST_P(HostileServerTest, AFieldWithoutMeaningIsZero) {
  for (const RawFrame& wrong :
       {RawFrame{.type = RawFrame::kHeaders,
       .flags = RawFrame::kMetadata,
       .argument = 1,
       .payload = Sized("")},
        RawFrame{.type = RawFrame::kMessage,
        .flags = RawFrame::kHasMessage | RawFrame::kMore,
        .argument = 1,
        .payload = "x"},
        RawFrame{.type = RawFrame::kCredit, .argument = 0}}) {
    ExpectPoisons([&](uint32_t call) {
      RawFrame frame = wrong;
      frame.call = call;
      return frame.Bytes();
    });
  }
}

TEST_P(HostileServerTest, CreditForOneRequestFailsOnlyTheCall) {
  ExpectEndsCall(
      [](uint32_t call) {
        return RawFrame{.type = RawFrame::kCredit, .call = call, .argument = 1}
            .Bytes();
      },
      Code::kInternal);
}

TEST_P(HostileServerTest, AGoAwayThatRisesPoisons) {
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = Accept();
  const uint32_t call = ReadCall(server);
  const RawFrame go_away = {.type = RawFrame::kGoAway, .argument = call};
  ASSERT_TRUE(server.Send(go_away.Bytes() + go_away.Bytes()));
  RawFrame higher = go_away;
  ++higher.argument;
  ASSERT_TRUE(server.Send(higher));
  EXPECT_EQ(reply.get().status().code(), Code::kInternal);
  EXPECT_TRUE(server.ReachesEnd());
  server.Close();
  ExpectRecovers();
}

TEST_P(HostileServerTest, PongsNobodyAskedForAreIgnored) {
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = Accept();
  const uint32_t call = ReadCall(server);
  for (uint32_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(server.Send(RawFrame{.type = RawFrame::kPong, .argument = i}));
  }
  ASSERT_TRUE(server.Send(ReplyFrame(call, TextBytes("x"))));
  EXPECT_TRUE(reply.get().ok());
}

TEST_P(HostileServerTest, PingsAreAnsweredAndAFloodOfThemEnds) {
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = Accept();
  const uint32_t call = ReadCall(server);
  ASSERT_TRUE(server.Send(PingFrame(0xffffffff)));
  std::optional<ReadFrame> pong = server.ReadType(RawFrame::kPong);
  ASSERT_TRUE(pong.has_value());
  EXPECT_EQ(pong->frame.argument, 0xffffffffu);
  std::string pings;
  for (uint32_t i = 0; i < 1000; ++i) pings += PingFrame(i).Bytes();
  size_t sent = 0;
  while (sent < 100'000 && server.Send(pings)) ++sent;
  EXPECT_LT(sent, 100'000u) << "the client answers without end";
  EXPECT_FALSE(reply.get().ok());
  (void)call;
  ExpectRecovers();
}

TEST_P(HostileServerTest, AFrameOneByteAtATime) {
  if (packets()) GTEST_SKIP() << kNoParts;
  std::future<absl::StatusOr<Parcel<Files>>> reply = Get();
  RawPeer server = Accept();
  ASSERT_TRUE(server.SendBytewise(
      ReplyFrame(ReadCall(server), FilesBytes({1, 2, 3}), 3).Bytes(), Fds(3)));
  absl::StatusOr<Parcel<Files>> files = reply.get();
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_TRUE(SameDescription(files->files(2), file_.get()));
}

}  // namespace
}  // namespace fdrpc::testing
