// Clients whose frames are well formed, but whose calls cannot be served.

#include <atomic>
#include <latch>
#include <stop_token>
#include <thread>

#include "tests/conformance/attacked_server.h"

namespace fdrpc::testing {
namespace {

class HostileCallsTest : public AttackedServer {
 protected:
  // Handlers of Echo wait until their calls are cancelled.
  void HoldUntilCancelled() {
    service_.echo = [this](ServerContext& context, const Text&, Text&) {
      std::latch cancelled(1);
      std::stop_callback on_cancel(context.cancellation(), [&] {
        ++cancelled_;
        cancelled.count_down();
      });
      ++held_;
      cancelled.wait();
      return absl::OkStatus();
    };
  }
  void AwaitHeld(int count) {
    while (held_ < count) std::this_thread::yield();
  }
  void AwaitCancelled(int count) {
    while (cancelled_ < count) std::this_thread::yield();
  }
  static RawFrame Hold(uint32_t call) {
    return OpenFrame(call, kEcho, TextBytes("hold"));
  }
  // The first piece of a message that continues.
  static RawFrame OpenPart(uint32_t call, const std::string& piece) {
    RawFrame open = OpenFrame(call, kEcho, piece);
    open.flags = RawFrame::kHasMessage | RawFrame::kMore;
    return open;
  }
  static RawFrame MessageFrame(uint32_t call, const std::string& piece,
                               uint8_t flags) {
    return {.type = RawFrame::kMessage,
            .call = call,
            .flags = static_cast<uint8_t>(RawFrame::kHasMessage | flags),
            .payload = piece};
  }

  std::atomic<int> cancelled_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Over, HostileCallsTest, kAllSchemes, SchemeName);

TEST_P(HostileCallsTest, ACallIdUsedAgainPoisons) {
  Serve();
  RawPeer client = NewClient();
  ExpectLives(client, 5);
  client.Send(OpenFrame(5, kEcho, ""));
  EXPECT_TRUE(client.ReachesEnd());
}

TEST_P(HostileCallsTest, ACallIdOfACallInProgressUsedAgainPoisons) {
  HoldHandlers();
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(Hold(1)));
  AwaitHeld(1);
  client.Send(Hold(1));
  EXPECT_TRUE(client.ReachesEnd());
  released_.count_down();
}

TEST_P(HostileCallsTest, ADecreasingCallIdPoisons) {
  Serve();
  ExpectPoisons(OpenFrame(7, kEcho, "").Bytes() +
                OpenFrame(6, kEcho, "").Bytes());
}

TEST_P(HostileCallsTest, ACallIdOfZeroPoisons) {
  Serve();
  ExpectPoisons(OpenFrame(0, kEcho, ""));
  ExpectPoisons(CancelFrame(0));
  ExpectPoisons(MessageFrame(0, "", 0));
}

TEST_P(HostileCallsTest, TheLastCallIdIsServedAndNoneComesAfterIt) {
  Serve();
  for (uint32_t next : {0u, 1u, 0xfffffffeu, 0xffffffffu}) {
    RawPeer client = NewClient();
    ExpectLives(client, 0xffffffff);
    client.Send(OpenFrame(next, kEcho, ""));
    EXPECT_TRUE(client.ReachesEnd());
  }
}

TEST_P(HostileCallsTest, AMessageOrCancelOfACallThatWasNeverOpenedPoisons) {
  Serve();
  for (uint32_t call : {2u, 1000u, 0xffffffffu}) {
    const std::string open = OpenFrame(1, kEcho, "").Bytes();
    ExpectPoisons(open + CancelFrame(call).Bytes());
    ExpectPoisons(open + MessageFrame(call, "", 0).Bytes());
  }
}

TEST_P(HostileCallsTest, ASecondMessageFailsTheCall) {
  Serve();
  RawPeer client = NewClient();
  RawFrame open = OpenFrame(1, kEcho, TextBytes("x"));
  open.flags = RawFrame::kHasMessage;
  ASSERT_TRUE(client.Send(open));
  ASSERT_TRUE(client.Send(MessageFrame(1, TextBytes("y"), 0)));
  EXPECT_EQ(client.ReadStatus(1).code, kInternal);
  // What follows the end is dropped.
  ASSERT_TRUE(client.Send(MessageFrame(1, "", RawFrame::kHalfClose)));
  ExpectLives(client, 2);
}

TEST_P(HostileCallsTest, AMessageBehindTheHalfClosePoisons) {
  HoldHandlers();
  Serve();
  for (const RawFrame& late :
       {MessageFrame(1, TextBytes("y"), 0), RawFrame{.type = RawFrame::kMessage,
                                            .call = 1,
                                            .flags = RawFrame::kHalfClose}}) {
    RawPeer client = NewClient();
    ASSERT_TRUE(client.Send(Hold(1)));
    client.Send(late);
    EXPECT_TRUE(client.ReachesEnd());
  }
  released_.count_down();
}

TEST_P(HostileCallsTest, AHalfCloseWithoutAMessageFailsTheCall) {
  Serve();
  RawFrame open = OpenFrame(1, kEcho, "");
  open.flags = RawFrame::kHalfClose;
  ExpectFailsCall(open, {}, kInternal);
  RawPeer client = NewClient();
  open.flags = 0;
  ASSERT_TRUE(client.Send(open));
  ASSERT_TRUE(client.Send(RawFrame{
      .type = RawFrame::kMessage, .call = 1, .flags = RawFrame::kHalfClose}));
  EXPECT_EQ(client.ReadStatus(1).code, kInternal);
}

TEST_P(HostileCallsTest, AHalfCloseInTheMiddleOfAMessageFailsTheCall) {
  Serve();
  RawFrame open = OpenPart(1, TextBytes("x"));
  open.flags |= RawFrame::kHalfClose;
  ExpectFailsCall(open, {}, kInternal);
}

TEST_P(HostileCallsTest, APieceForACancelledCallIsDropped) {
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(OpenPart(1, "abc")));
  ASSERT_TRUE(client.Send(CancelFrame(1)));
  ASSERT_TRUE(client.Send(MessageFrame(1, "def", RawFrame::kMore)));
  ASSERT_TRUE(client.Send(MessageFrame(1, "ghi", RawFrame::kHalfClose)));
  ExpectLives(client, 2);
}

TEST_P(HostileCallsTest, ACancelTwiceAndOfAFinishedCallIsNothing) {
  HoldHandlers();
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(Hold(1)));
  AwaitHeld(1);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(client.Send(CancelFrame(1)));
  ExpectLives(client, 2);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(client.Send(CancelFrame(2)));
  released_.count_down();
  ExpectLives(client, 3);
}

TEST_P(HostileCallsTest, ACancelledCallHasNoStatus) {
  HoldHandlers();
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(Hold(1)));
  AwaitHeld(1);
  ASSERT_TRUE(client.Send(CancelFrame(1)));
  // When this reply arrives, the cancel has been read.
  ASSERT_TRUE(client.Send(OpenFrame(2, kEcho, "")));
  std::optional<ReadFrame> read = client.Read();
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->frame.call, 2u);
  released_.count_down();
  ASSERT_TRUE(client.Send(OpenFrame(3, kEcho, "")));
  read = client.Read();
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->frame.call, 3u);
}

TEST_P(HostileCallsTest, TenThousandCallsOpenedAndCancelledAtOnce) {
  Serve();
  RawPeer client = NewClient();
  for (int round = 0; round < 3; ++round) {
    std::string bytes;
    for (uint32_t i = 1; i <= 10'000; ++i) {
      const uint32_t call = static_cast<uint32_t>(round) * 20'000 + i;
      bytes += OpenFrame(call, kEcho, TextBytes("x")).Bytes();
      bytes += CancelFrame(call).Bytes();
    }
    ASSERT_TRUE(client.Send(bytes));
    // Cancelled calls exist until a thread has looked at them; until then the
    // limit may be reached.
    for (uint32_t call = static_cast<uint32_t>(round) * 20'000 + 10'001;;
         ++call) {
      ASSERT_TRUE(client.Send(OpenFrame(call, kEcho, "")));
      const uint32_t code = client.ReadStatus(call).code;
      if (code == kOk) break;
      ASSERT_EQ(code, kResourceExhausted);
    }
  }
}

TEST_P(HostileCallsTest, CancelledCallsWhoseHandlersRunOnStillCount) {
  HoldHandlers();
  Serve({.max_threads = 4, .max_calls_per_connection = 16});
  RawPeer client = NewClient();
  uint32_t refused = 0;
  // These occupy all threads except the one that reads.
  for (uint32_t call = 1; call <= 3; ++call) {
    ASSERT_TRUE(client.Send(Hold(call)));
  }
  AwaitHeld(3);
  for (uint32_t call = 4; call <= 1000; ++call) {
    ASSERT_TRUE(client.Send(Hold(call)));
    ASSERT_TRUE(client.Send(CancelFrame(call)));
  }
  // After these, the server does not hold more: twice the limit.
  ASSERT_TRUE(client.Send(PingFrame(1)));
  while (true) {
    std::optional<ReadFrame> read = client.Read();
    ASSERT_TRUE(read.has_value());
    if (read->frame.type == RawFrame::kPong) break;
    ASSERT_EQ(read->frame.argument, kResourceExhausted);
    ++refused;
  }
  EXPECT_EQ(refused, 1000u - 32u);
  released_.count_down();
}

TEST_P(HostileCallsTest, CallsBeyondTheLimitFailAlone) {
  HoldHandlers();
  Serve({.max_calls_per_connection = 16});
  RawPeer client = NewClient();
  for (uint32_t call = 1; call <= 16; ++call) {
    ASSERT_TRUE(client.Send(Hold(call)));
  }
  for (uint32_t call = 17; call <= 40; ++call) {
    ASSERT_TRUE(client.Send(OpenFrame(call, kPut, FilesBytesTo(2), 2), Fds(2)));
    RawStatus status = client.ReadStatus(call);
    EXPECT_EQ(status.code, kResourceExhausted) << status.text;
  }
  released_.count_down();
  for (int i = 0; i < 16; ++i) EXPECT_EQ(client.ReadStatus().code, kOk);
  ExpectLives(client, 41);
}

TEST_P(HostileCallsTest, MessagesNeverCompletedAreBoundedInBytes) {
  Serve({.max_held_bytes_per_connection = 1u << 20});
  RawPeer client = NewClient();
  const std::string piece(100u << 10, 'x');
  for (uint32_t call = 1; call <= 10; ++call) {
    ASSERT_TRUE(client.Send(OpenPart(call, piece)));
  }
  ASSERT_TRUE(client.Send(OpenPart(11, piece)));
  EXPECT_EQ(client.ReadStatus(11).code, kResourceExhausted);
  ASSERT_TRUE(client.Send(MessageFrame(1, piece, RawFrame::kMore)));
  EXPECT_EQ(client.ReadStatus(1).code, kResourceExhausted);
  // Its bytes are free again.
  ASSERT_TRUE(client.Send(OpenPart(12, piece)));
  ExpectLives(client, 13);
}

TEST_P(HostileCallsTest, AMessageAboveTheLimitFailsAtThePieceThatExceedsIt) {
  Serve({.max_request_bytes = 64u << 10});
  RawPeer client = NewClient();
  const std::string piece(30u << 10, 'x');
  ASSERT_TRUE(client.Send(OpenPart(1, piece)));
  ASSERT_TRUE(client.Send(MessageFrame(1, piece, RawFrame::kMore)));
  ASSERT_TRUE(client.Send(MessageFrame(1, piece, RawFrame::kMore)));
  EXPECT_EQ(client.ReadStatus(1).code, kResourceExhausted);
  ASSERT_TRUE(client.Send(MessageFrame(1, piece, RawFrame::kHalfClose)));
  ExpectLives(client, 2);
}

TEST_P(HostileCallsTest, BytesThatAreNoMessageFailTheCall) {
  Serve();
  for (const std::string& garbage :
       {std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        std::string("\x0a\x7f"
                    "short"),
        std::string("\x0a"),
        std::string("\x0a\x02\xff\xfe"),  // a string that is not UTF-8
        std::string("\x0b"), std::string("\x00", 1)}) {
    ExpectFailsCall(OpenFrame(1, kEcho, garbage), {}, kInternal);
    ExpectFailsCall(OpenFrame(1, kPut, garbage, 1), Fds(1), kInternal);
  }
}

TEST_P(HostileCallsTest, AMessageNestedWithoutEndFailsTheCall) {
  Serve();
  // Groups of an unknown field, nested in each other.
  ExpectFailsCall(OpenFrame(1, kEcho, std::string(100'000, '\x33')), {},
                  kInternal);
}

TEST_P(HostileCallsTest, AClientThatHalfClosesItsSocketIsGone) {
  HoldHandlers();
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(Hold(1)));
  AwaitHeld(1);
  client.HalfClose();
  EXPECT_TRUE(client.ReachesEnd());
  released_.count_down();
}

TEST_P(HostileCallsTest, AClientThatLeavesCancelsItsCalls) {
  HoldUntilCancelled();
  Serve();
  RawPeer client = NewClient();
  for (uint32_t call = 1; call <= 3; ++call) {
    ASSERT_TRUE(client.Send(OpenFrame(call, kEcho, "")));
  }
  AwaitHeld(3);
  client.Close();
  AwaitCancelled(3);
}

TEST_P(HostileCallsTest, APoisonedConnectionCancelsItsCalls) {
  HoldUntilCancelled();
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(OpenFrame(1, kEcho, "")));
  AwaitHeld(1);
  client.Send(RawFrame{.type = 0x7f});
  EXPECT_TRUE(client.ReachesEnd());
  AwaitCancelled(1);
}

TEST_P(HostileCallsTest, AThousandConnectionsThatComeAndGo) {
  Serve();
  for (int i = 0; i < 1000; ++i) {
    RawPeer client = NewPeer();
    ASSERT_TRUE(client.Send(Greeting()));
    ASSERT_TRUE(
        client.Send(OpenFrame(1, kExchange, FilesBytesTo(2), 2), Fds(2)));
  }
}

}  // namespace
}  // namespace fdrpc::testing
