// The rows of docs/protocol.md's table of mistakes, for the side that notices
// each; those that the other tests of hostile peers do not cover.

#include <stop_token>

#include "fdrpc/alarm.h"
#include "tests/conformance/attacked_channel.h"
#include "tests/conformance/attacked_server.h"

namespace fdrpc::testing {
namespace {

struct Mistake {
  const char* name;
  RawFrame frame;
};

// Frames that are wrong from either side. `call` is one in progress.
std::vector<Mistake> OfBothSides(uint32_t call) {
  using F = RawFrame;
  std::vector<Mistake> mistakes = {
      {"a ping with a flag", {.type = F::kPing, .flags = 1}},
      {"a ping with a payload", {.type = F::kPing, .payload = "x"}},
      {"a ping of a call", {.type = F::kPing, .call = call}},
      {"a ping with a descriptor", {.type = F::kPing, .descriptors = 1}},
      {"a pong with a flag", {.type = F::kPong, .flags = 1}},
      {"a pong with a payload", {.type = F::kPong, .payload = "x"}},
      {"a pong of a call", {.type = F::kPong, .call = call}},
      {"a pong with a descriptor", {.type = F::kPong, .descriptors = 1}},
      {"credit of nothing", {.type = F::kCredit, .call = call}},
      {"credit of no descriptors",
       {.type = F::kCredit, .call = call, .flags = 1}},
      {"credit with an unknown flag",
       {.type = F::kCredit, .call = call, .flags = 2, .argument = 1}},
      {"credit with a payload",
       {.type = F::kCredit, .call = call, .argument = 1, .payload = "x"}},
      {"credit with a descriptor",
       {.type = F::kCredit, .call = call, .descriptors = 1, .argument = 1}},
      {"credit of no call", {.type = F::kCredit, .argument = 1}},
      {"credit of a call that was never made",
       {.type = F::kCredit, .call = call + 1, .argument = 1}},
      {"a message of no call", {.type = F::kMessage, .flags = F::kHasMessage}},
      {"a message of a call that was never made",
       {.type = F::kMessage, .call = call + 1, .flags = F::kHasMessage}},
      {"a message frame without one", {.type = F::kMessage, .call = call}},
      {"more of no message",
       {.type = F::kMessage, .call = call, .flags = F::kMore}},
      {"bytes that no flag announces",
       {.type = F::kMessage, .call = call, .payload = "x"}},
      {"descriptors of no message",
       {.type = F::kMessage, .call = call, .descriptors = 1}},
      {"a second hello", RawHello().Frame()},
  };
  return mistakes;
}

// Hellos that break the rules.
std::vector<Mistake> Hellos() {
  std::vector<Mistake> hellos = {
      {"other bytes", RawHello{.magic = "FDRD"}.Frame()},
      {"version 0", RawHello{.version = 0, .oldest_version = 0}.Frame()},
      {"oldest version 0", RawHello{.oldest_version = 0}.Frame()},
      {"versions the wrong way round",
       RawHello{.version = 1, .oldest_version = 2}.Frame()},
      {"no common version",
       RawHello{.version = 3, .oldest_version = 2}.Frame()},
      {"too short messages",
       RawHello{.max_message_bytes = (64u << 10) - 1}.Frame()},
      {"too few descriptors", RawHello{.max_descriptors = 15}.Frame()},
      {"too few calls", RawHello{.max_calls = 15}.Frame()},
      {"too little credit",
       RawHello{.initial_credit_bytes = (64u << 10) - 1}.Frame()},
      {"too much credit",
       RawHello{.initial_credit_bytes = (1u << 30) + 1}.Frame()},
      {"too little credit of descriptors",
       RawHello{.initial_credit_descriptors = 15}.Frame()},
      {"too much credit of descriptors",
       RawHello{.initial_credit_descriptors = (1u << 30) + 1}.Frame()},
      {"another frame", PingFrame(1)},
      {"a frame that is to be skipped", {.type = 0x80}},
  };
  const auto add = [&](const char* name, auto change) {
    RawFrame frame = RawHello().Frame();
    change(frame);
    hellos.push_back({name, std::move(frame)});
  };
  add("a flag", [](RawFrame& frame) { frame.flags = 1; });
  add("an argument", [](RawFrame& frame) { frame.argument = 1; });
  add("a call", [](RawFrame& frame) { frame.call = 1; });
  add("a descriptor", [](RawFrame& frame) { frame.descriptors = 1; });
  add("cut off", [](RawFrame& frame) { frame.payload.pop_back(); });
  add("too long", [](RawFrame& frame) { frame.payload.resize(257); });
  return hellos;
}

class MistakesOfClientsTest : public AttackedServer {
 protected:
  static constexpr uint32_t kChat = 6;
  // A call that stays in progress until the test ends it.
  static std::string Begun() {
    RawFrame open = OpenFrame(1, kChat, "");
    open.flags = 0;
    return MethodFrame(kChat, "fdrpc.testing.TestService/Chat").Bytes() +
           open.Bytes();
  }
  void ExpectEnds(const Mistake& mistake) {
    SCOPED_TRACE(mistake.name);
    RawPeer client = NewClient();
    ASSERT_TRUE(client.Send(Begun()));
    client.Send(mistake.frame, Fds(mistake.frame.descriptors));
    EXPECT_TRUE(client.ReachesEnd());
  }
};
INSTANTIATE_TEST_SUITE_P(Over, MistakesOfClientsTest, kAllSchemes, SchemeName);

TEST_P(MistakesOfClientsTest, InFramesEndTheConnection) {
  Serve();
  for (const Mistake& mistake : OfBothSides(1)) ExpectEnds(mistake);
  RawFrame cancel = CancelFrame(1);
  cancel.descriptors = 1;
  ExpectEnds({"a cancel with a descriptor", cancel});
  RawFrame method = MethodFrame(kChat + 1, "a/b");
  method.descriptors = 1;
  ExpectEnds({"a method with a descriptor", method});
}

TEST_P(MistakesOfClientsTest, InTheHelloEndTheConnection) {
  Serve();
  for (const Mistake& hello : Hellos()) {
    SCOPED_TRACE(hello.name);
    RawPeer client = NewPeer();
    client.Send(hello.frame, Fds(hello.frame.descriptors));
    EXPECT_TRUE(client.ReachesEnd());
  }
}

TEST_P(MistakesOfClientsTest, APacketThatEndsWithinAFrameEndsTheConnection) {
  if (!packets()) GTEST_SKIP() << "a stream has no packets";
  Serve();
  const std::string frame = OpenFrame(1, kEcho, TextBytes("x")).Bytes();
  for (size_t size : {size_t{1}, RawFrame::kHeaderBytes, frame.size() - 1}) {
    ExpectPoisons(frame.substr(0, size));
    ExpectPoisons(PingFrame(1).Bytes() + frame.substr(0, size));
  }
}

TEST_P(MistakesOfClientsTest, MessagesBeyondTheCreditEndTheConnection) {
  // Reads nothing.
  service_.chat = [](ServerContext& context, ServerStream<Text, Text>&) {
    std::promise<void> cancelled;
    std::stop_callback on_cancel(context.cancellation(),
                                 [&] { cancelled.set_value(); });
    cancelled.get_future().wait();
    return absl::OkStatus();
  };
  Serve({.stream_window_bytes = 64u << 10});
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(Begun()));
  for (int i = 0; i < 3; ++i) {
    client.Send(RawFrame{.type = RawFrame::kMessage,
                         .call = 1,
                         .flags = RawFrame::kHasMessage,
                         .payload = std::string(40u << 10, 'x')});
  }
  EXPECT_TRUE(client.ReachesEnd());
}

TEST_P(MistakesOfClientsTest, PingsWhosePongsNobodyReadsEndTheConnection) {
  Serve();
  RawPeer client = NewClient();
  std::string pings;
  for (uint32_t i = 0; i < 1000; ++i) pings += PingFrame(i).Bytes();
  size_t sent = 0;
  while (sent < 100'000 && client.Send(pings)) ++sent;
  EXPECT_LT(sent, 100'000u) << "the server answers without end";
}

TEST_P(MistakesOfClientsTest, MetadataBeyondTheServersLimitFailsTheCall) {
  Serve({.max_metadata_bytes = 100});
  RawFrame open = OpenFrame(
      1, kEcho,
      Sized(MetadataBlock({{"k", std::string(200, 'v')}})) + TextBytes("x"));
  open.flags |= RawFrame::kMetadata;
  ExpectFailsCall(open, {}, kResourceExhausted);
}

class MistakesOfServersTest : public AttackedChannel {
 protected:
  // The process's loop stays, and does not count as a descriptor that a test
  // leaves open.
  static void SetUpTestSuite() { ASSERT_TRUE(Alarm::Create().ok()); }

  // A call in progress, on its own connection.
  struct Begun {
    AsyncClientStream<Text, Text> chat;
    RawPeer server;
    uint32_t call;
  };
  Begun Begin() {
    AsyncClientStream<Text, Text> chat =
        stub_.async().Chat({.timeout = kGiveUp});
    RawPeer server = Accept();
    const uint32_t call = ReadCall(server);
    return {std::move(chat), std::move(server), call};
  }
  // The client has ended, or ends, the connection.
  static void ExpectEnded(Begun begun) {
    EXPECT_TRUE(begun.server.ReachesEnd());
    std::promise<absl::Status> end;
    begun.chat.Finish([&](absl::Status why) { end.set_value(std::move(why)); });
    const absl::Status status = end.get_future().get();
    EXPECT_EQ(status.code(), Code::kInternal) << status;
  }
  void ExpectEnds(const Mistake& mistake) {
    SCOPED_TRACE(mistake.name);
    Begun begun = Begin();
    begun.server.Send(mistake.frame, Fds(mistake.frame.descriptors));
    ExpectEnded(std::move(begun));
  }
};
INSTANTIATE_TEST_SUITE_P(Over, MistakesOfServersTest, kAllSchemes, SchemeName);

TEST_P(MistakesOfServersTest, InFramesEndTheConnection) {
  using F = RawFrame;
  const std::string section = Sized(MetadataBlock({{"k", "v"}}));
  // The first call of each connection.
  for (const Mistake& mistake : OfBothSides(1)) ExpectEnds(mistake);
  for (const Mistake& mistake : std::vector<Mistake>{
           {"headers of no call",
            {.type = F::kHeaders, .flags = F::kMetadata, .payload = section}},
           {"headers of a call that was never made",
            {.type = F::kHeaders,
            .call = 2,
            .flags = F::kMetadata,
            .payload = section}},
           {"headers with an unknown flag",
            {.type = F::kHeaders,
            .call = 1,
            .flags = F::kMetadata | F::kHasMessage,
            .payload = section}},
           {"headers with a descriptor",
            {.type = F::kHeaders,
            .call = 1,
            .flags = F::kMetadata,
            .descriptors = 1,
            .payload = section}},
           {"a half-close",
            {.type = F::kMessage, .call = 1, .flags = F::kHalfClose}},
           {"a status with bytes that no flag announces",
            {.type = F::kStatus, .call = 1, .payload = "x"}},
           {"an offer", {.type = F::kOffer, .descriptors = 1}},
           {"a wish for an offer that was not made", {.type = F::kOffer}},
           {"a go-away of a call",
            {.type = F::kGoAway, .call = 1, .argument = 1}},
           {"a go-away with a flag",
            {.type = F::kGoAway, .flags = 1, .argument = 1}},
           {"a go-away with a descriptor",
            {.type = F::kGoAway, .descriptors = 1, .argument = 1}},
           {"a go-away with too long a reason",
            {.type = F::kGoAway,
            .argument = 1,
            .payload = std::string(1025, 'x')}},
           {"credit beyond reason",
            {.type = F::kCredit, .call = 1, .argument = 1u << 30}},
           {"credit of descriptors beyond reason",
            {.type = F::kCredit, .call = 1, .flags = 1, .argument = 1u << 30}},
       }) {
    ExpectEnds(mistake);
  }
}

TEST_P(MistakesOfServersTest, InTheHelloEndTheConnection) {
  for (const Mistake& hello : Hellos()) {
    SCOPED_TRACE(hello.name);
    std::future<absl::StatusOr<Text>> reply = Echo();
    RawPeer server = listener_.Accept();
    server.Send(hello.frame, Fds(hello.frame.descriptors));
    EXPECT_EQ(reply.get().status().code(), Code::kInternal);
    EXPECT_TRUE(server.ReachesEnd());
  }
}

TEST_P(MistakesOfServersTest, APacketThatEndsWithinAFrameEndsTheConnection) {
  if (!packets()) GTEST_SKIP() << "a stream has no packets";
  const std::string frame = ReplyFrame(1, TextBytes("x")).Bytes();
  for (size_t size : {size_t{1}, RawFrame::kHeaderBytes, frame.size() - 1}) {
    ExpectPoisons([&](uint32_t) { return frame.substr(0, size); });
    ExpectPoisons(
        [&](uint32_t) { return PingFrame(1).Bytes() + frame.substr(0, size); });
  }
}

TEST_P(MistakesOfServersTest, MessagesBeyondTheCreditEndTheConnection) {
  stub_ = NewStub({.stream_window_bytes = 64u << 10});
  Begun begun = Begin();
  for (int i = 0; i < 3; ++i) {
    begun.server.Send(RawFrame{.type = RawFrame::kMessage,
                               .call = begun.call,
                               .flags = RawFrame::kHasMessage,
                               .payload = std::string(40u << 10, 'x')});
  }
  ExpectEnded(std::move(begun));
}

TEST_P(MistakesOfServersTest, FramesOfACallThatHasEndedAreDropped) {
  using F = RawFrame;
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = Accept();
  const uint32_t call = ReadCall(server);
  ASSERT_TRUE(server.Send(ReplyFrame(call, TextBytes("x"))));
  ASSERT_TRUE(reply.get().ok());
  for (const RawFrame& late : std::vector<RawFrame>{
           {.type = F::kMessage, .call = call, .flags = F::kHasMessage},
           {.type = F::kHeaders,
           .call = call,
           .flags = F::kMetadata,
           .payload = Sized("")},
           {.type = F::kCredit, .call = call, .argument = ~0u},
           ReplyFrame(call, FilesBytes({1}), 1)}) {
    ASSERT_TRUE(server.Send(late, Fds(late.descriptors)));
  }
  ExpectLives(server);
}

TEST_P(MistakesOfServersTest, OneReplyForAStreamOfThemFailsTheCall) {
  std::future<absl::Status> end = std::async(std::launch::async, [this] {
    return stub_.Watch(Text(), {.timeout = kGiveUp}).Finish();
  });
  RawPeer server = Accept();
  ASSERT_TRUE(server.Send(ReplyFrame(ReadCall(server), TextBytes("x"))));
  EXPECT_EQ(end.get().code(), Code::kInternal);
  ExpectLives(server);
}

TEST_P(MistakesOfServersTest, MetadataBeyondTheClientsLimitFailsTheCall) {
  stub_ = NewStub({.max_metadata_bytes = 100});
  const std::string section =
      Sized(MetadataBlock({{"k", std::string(200, 'v')}}));
  for (uint8_t flag : {RawFrame::kTrailers, RawFrame::kMetadata}) {
    ExpectEndsCall(
        [&](uint32_t call) {
          RawFrame status = ReplyFrame(call, section + TextBytes("x"));
          status.flags |= flag;
          return status.Bytes();
        },
        Code::kResourceExhausted);
  }
  ExpectEndsCall(
      [&](uint32_t call) { return HeadersFrame(call, section).Bytes(); },
      Code::kResourceExhausted);
}

}  // namespace
}  // namespace fdrpc::testing
