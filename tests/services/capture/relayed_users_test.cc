// What the relay of fdrpc capture has for each user.
#include "services/capture/relayed_users.h"

#include <poll.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/inherited_socket.h"
#include "services/capture/recording_writer.h"
#include "services/capture/relayed_connection.h"
#include "tests/support/files.h"
#include "tests/support/raw_frame.h"
#include "tests/support/raw_peer.h"
#include "tests/support/temp_dir.h"
#include "transport/socket_transport.h"

namespace fdrpc::testing {
namespace {

using capture::RecordingWriter;
using capture::RelayedConnection;
using capture::RelayedUsers;
using ::testing::HasSubstr;

using Places = std::vector<std::shared_ptr<RelayedUsers::Place>>;

// Neither this process's user nor root.
uid_t Foreign(uid_t number) { return geteuid() + 1000 + number; }

// Until the user is refused: the reason.
std::string FillUp(RelayedUsers& users, uid_t uid, Places& places) {
  while (true) {
    auto place = users.Admit(uid);
    if (!place.ok()) return std::string(place.status().message());
    if (*place == nullptr) return "";
    places.push_back(*std::move(place));
  }
}

TEST(RelayedUsersTest, AForeignUserHasAQuarterAndAllOfThemHaveHalf) {
  RelayedUsers users(16, 1024);
  Places places;
  EXPECT_THAT(FillUp(users, Foreign(1), places),
              HasSubstr(" has 4 connections, the most of one other user"));
  EXPECT_EQ(places.size(), 4u);
  EXPECT_THAT(FillUp(users, Foreign(2), places), HasSubstr(" has 4 "));
  EXPECT_THAT(FillUp(users, Foreign(3), places),
              HasSubstr("other users have 8 connections, the most of all"));
  // Those of the relay's own user, and of root, have the rest.
  for (int i = 0; i < 4; ++i) {
    for (const uid_t own : {geteuid(), uid_t{0}}) {
      auto place = users.Admit(own);
      ASSERT_TRUE(place.ok()) << place.status();
      places.push_back(*std::move(place));
    }
  }
  EXPECT_EQ(users.connections(), 16u);
}

TEST(RelayedUsersTest, ARefusalIsToldOnceUntilAPlaceIsFree) {
  RelayedUsers users(16, 1024);
  Places places;
  EXPECT_NE(FillUp(users, Foreign(1), places), "");
  EXPECT_EQ(FillUp(users, Foreign(1), places), "");
  places.pop_back();
  EXPECT_NE(FillUp(users, Foreign(1), places), "");
  EXPECT_EQ(places.size(), 4u);
  places.clear();
  EXPECT_EQ(users.connections(), 0u);
}

TEST(RelayedUsersTest, WhoseDescriptorsAreNotClosedConnectsNoMore) {
  RelayedUsers users(16, 1024);
  auto place = users.Admit(Foreign(1));
  ASSERT_TRUE(place.ok());
  const std::shared_ptr<PendingCloses> closes = (*place)->user().closes;
  for (int i = 0; i < 254; ++i) closes->Add();
  EXPECT_EQ(users.foreign_closes(), 254u);
  // Also after its connections have ended.
  place->reset();
  Places places;
  EXPECT_THAT(FillUp(users, Foreign(1), places),
              HasSubstr("254 descriptors of user"));
  EXPECT_TRUE(users.Admit(Foreign(2)).ok());
  for (int i = 0; i < 254; ++i) closes->Remove();
}

// Connections between raw peers.
class RelayedInFlightTest : public ::testing::Test {
 protected:
  struct Relayed {
    RawPeer client;
    RawPeer server;
    std::unique_ptr<RelayedConnection> connection;

    void Move() {
      std::vector<pollfd> polled;
      connection->Poll(polled);
      poll(polled.data(), polled.size(), 0);
      EXPECT_EQ(connection->Move(polled.data()), "");
    }
  };

  static std::unique_ptr<Transport> NewTransport(UniqueFd socket) {
    EXPECT_TRUE(PrepareToPoll(socket.get()).ok());
    return CreateSocketTransport(std::move(socket), SOCK_STREAM);
  }
  Relayed NewConnection(uid_t uid) {
    auto [client, from_client] = SocketPair();
    auto [server, to_server] = SocketPair();
    auto place = users_.Admit(uid);
    EXPECT_TRUE(place.ok());
    return {
        RawPeer(std::move(client)), RawPeer(std::move(server)),
        std::make_unique<RelayedConnection>(
            ++number_, *std::move(place), NewTransport(std::move(from_client)),
            NewTransport(std::move(to_server)), writer_,
            [](UniqueFd socket) { return socket; })};
  }
  // A request of a size that does not fit beside others in what a socket may
  // have unreceived.
  void SendRequest(Relayed& over, uint32_t call) {
    over.client.Send(OpenFrame(call, 1, std::string(5000, 'x'), 1).Bytes(),
                     {file_.get()});
  }

  const TempDir dir_;
  const UniqueFd file_ = FileWith("");
  RecordingWriter writer_ =
      *RecordingWriter::Create(dir_.file("recording"), "");
  RelayedUsers users_{16, 16};  // of a user, two may be in flight
  uint32_t number_ = 0;
};

TEST_F(RelayedInFlightTest, AllConnectionsOfAUserShareAQuota) {
  Relayed first = NewConnection(Foreign(1));
  Relayed second = NewConnection(Foreign(1));
  Relayed other = NewConnection(Foreign(2));
  const DescriptorQuota& quota = first.connection->user().in_flight;
  ASSERT_EQ(&quota, &second.connection->user().in_flight);
  ASSERT_EQ(quota.most(), 2u);
  for (Relayed* relayed : {&first, &second, &other}) {
    for (uint32_t call = 1; call <= 3; ++call) SendRequest(*relayed, call);
    relayed->Move();
  }
  // The first one took all; the second has what each may have at least.
  EXPECT_EQ(quota.held(), 3u);
  EXPECT_EQ(other.connection->user().in_flight.held(), 2u);
  // As soon as some were received, others follow.
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(first.server.ReadType(RawFrame::kOpen).has_value());
  }
  first.Move();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(second.server.ReadType(RawFrame::kOpen).has_value());
    second.Move();
  }
  ASSERT_TRUE(first.server.ReadType(RawFrame::kOpen).has_value());
  // What a connection has in flight ends with it.
  second.connection.reset();
  first.connection.reset();
  EXPECT_EQ(users_.connections(), 1u);
}

}  // namespace
}  // namespace fdrpc::testing
