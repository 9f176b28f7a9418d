// What clients make a server hold counts for their users, from its beginning to
// its end.

#include <unistd.h>

#include "tests/conformance/attacked_server.h"
#include "tests/support/child.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class ClientQuotasTest : public AttackedServer {
 protected:
  static constexpr size_t kMetadataBytes = 60'000;

  // The beginning of a request, with that much metadata and nothing else.
  static RawFrame Unfinished(uint32_t call, size_t metadata_bytes) {
    std::string block = "\x05" + Number(metadata_bytes) + "k-bin" +
                        std::string(metadata_bytes, 'v');
    RawFrame open = OpenFrame(call, kEcho, Number(block.size()) + block);
    open.flags = RawFrame::kMetadata | RawFrame::kHasMessage | RawFrame::kMore;
    return open;
  }
  static std::string Number(size_t number) {
    std::string bytes;
    for (int i = 0; i < 4; ++i) {
      bytes += static_cast<char>(number >> (8 * i) & 0xff);
    }
    return bytes;
  }
  // One more connection of this process's user is too many, and others have
  // room.
  void ExpectOnlyThisUserIsTurnedAway() {
    RawPeer refused = NewPeer();
    std::optional<ReadFrame> go_away = refused.ReadType(RawFrame::kGoAway);
    ASSERT_TRUE(go_away.has_value());
    EXPECT_THAT(go_away->frame.payload, HasSubstr("its limit for one user"));
    EXPECT_TRUE(refused.ReachesEnd());
    if (geteuid() != 0) return;
    dir_.OpenToAll();
    dir_.OpenToAll("socket");
    EXPECT_EQ(InChild([&] {
                BecomeUnprivileged();
                RawPeer other = NewPeer();
                return other.Send(Greeting() + PingFrame(1).Bytes()) &&
                               other.ReadType(RawFrame::kPong).has_value()
                           ? 0
                           : 1;
              }),
              0);
  }
  void ReleaseAndExpectRoom() {
    released_.count_down();
    while (true) {
      RawPeer client = NewPeer();
      if (client.Send(Greeting() + PingFrame(1).Bytes()) &&
          client.ReadType(RawFrame::kPong).has_value()) {
        break;
      }
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Over, ClientQuotasTest, kAllSchemes, SchemeName);

TEST_P(ClientQuotasTest, MetadataOfUnfinishedCallsCountsForItsConnection) {
  Serve({.max_held_bytes_per_connection = 3 * kMetadataBytes + 3000});
  RawPeer client = NewClient();
  RawPeer other = NewClient();
  for (uint32_t call = 1; call <= 3; ++call) {
    ASSERT_TRUE(client.Send(Unfinished(call, kMetadataBytes)));
  }
  for (uint32_t call = 4; call <= 100; ++call) {
    ASSERT_TRUE(client.Send(Unfinished(call, kMetadataBytes)));
    const RawStatus status = client.ReadStatus();
    ASSERT_EQ(status.code, kResourceExhausted);
    EXPECT_THAT(status.text, HasSubstr("the connection's requests hold"));
  }
  ASSERT_TRUE(other.Send(Unfinished(1, kMetadataBytes)));
  ExpectLives(other, 2);
  // What a call held is free again when the call has ended.
  ASSERT_TRUE(client.Send(CancelFrame(1)));
  ASSERT_TRUE(client.Send(Unfinished(101, kMetadataBytes)));
  ExpectLives(client, 102);
  ASSERT_TRUE(client.Send(Unfinished(103, kMetadataBytes)));
  EXPECT_EQ(client.ReadStatus().code, kResourceExhausted);
}

TEST_P(ClientQuotasTest, BytesCountForTheUserOfAllConnections) {
  Serve({.max_held_bytes_per_user = 4 * kMetadataBytes + 3000});
  RawPeer first = NewClient();
  RawPeer second = NewClient();
  for (uint32_t call = 1; call <= 2; ++call) {
    ASSERT_TRUE(first.Send(Unfinished(call, kMetadataBytes)));
    ASSERT_TRUE(second.Send(Unfinished(call, kMetadataBytes)));
  }
  // The server has read them.
  ExpectLives(first, 3);
  ExpectLives(second, 3);
  for (RawPeer* client : {&first, &second}) {
    ASSERT_TRUE(client->Send(Unfinished(4, kMetadataBytes)));
    const RawStatus status = client->ReadStatus();
    EXPECT_EQ(status.code, kResourceExhausted);
    EXPECT_THAT(status.text, HasSubstr("the requests of user"));
  }
  first.Close();
  // As soon as the server has noticed.
  uint32_t call = 4;
  do {
    ++call;
    ASSERT_TRUE(second.Send(Unfinished(call, kMetadataBytes)));
    ASSERT_TRUE(second.Send(CancelFrame(call)));
    ++call;
    ASSERT_TRUE(second.Send(OpenFrame(call, kEcho, TextBytes("x"))));
  } while (second.ReadStatus().code == kResourceExhausted &&
           second.ReadStatus(call).code == kOk);
}

TEST_P(ClientQuotasTest, OneWayCallsLeftBehindCountForTheirUser) {
  HoldHandlers();
  Serve({.max_connections = 4, .max_connections_per_user = 2});
  LeaveACallBehind(kOneWayWhole);
  LeaveACallBehind(kOneWayWhole);
  ExpectOnlyThisUserIsTurnedAway();
  ReleaseAndExpectRoom();
}

TEST_P(ClientQuotasTest, CancelledCallsLeftBehindCountForTheirUser) {
  HoldHandlers();
  Serve({.max_connections = 4, .max_connections_per_user = 2});
  LeaveACallBehind(kWhole);
  LeaveACallBehind(kWhole);
  ExpectOnlyThisUserIsTurnedAway();
  ReleaseAndExpectRoom();
}

}  // namespace
}  // namespace fdrpc::testing
