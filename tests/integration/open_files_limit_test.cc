// A server and its process's limit of open files (RLIMIT_NOFILE).

#include <sys/resource.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fdrpc/channel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/files.h"
#include "tests/support/lingering_socket.h"
#include "tests/support/raw_peer.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

bool SetLimit(rlim_t soft, rlim_t hard) {
  const rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

class OpenFilesLimitTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::string address() const { return dir_.address("socket", GetParam()); }
  RawPeer NewPeer() {
    return RawPeer::Connect(dir_.file("socket"), GetParam());
  }
  // Whether the server serves a new connection; otherwise sets the reason.
  static bool Serves(RawPeer& client, std::string& why) {
    // One that is refused may have ended already.
    (void)client.Send(RawHello().Bytes());
    return Answers(client, why);
  }
  static bool Answers(RawPeer& client, std::string& why) {
    (void)client.Send(PingFrame(1));
    while (std::optional<ReadFrame> read = client.Read()) {
      if (read->frame.type == RawFrame::kPong) return true;
      if (read->frame.type == RawFrame::kGoAway) why = read->frame.payload;
    }
    return false;
  }
  // A call with a descriptor each way.
  static absl::Status Exchange(const std::string& address) {
    absl::StatusOr<Channel> channel = Channel::Connect(address);
    if (!channel.ok()) return channel.status();
    Parcel<Files> request;
    request.set_first(FileWith("x"));
    return TestService::Stub(*channel).Exchange(std::move(request)).status();
  }

  // Of an ordinary user, with 1,024 files, and accessible to all.
  std::unique_ptr<ServerProcess> NewUnprivilegedServer() {
    dir_.OpenToAll();
    auto server =
        std::make_unique<ServerProcess>(address(), [](FakeService& service) {
          BecomeUnprivileged();
          SetLimit(1024, 1024);
          service.get = [](ServerContext&, const Text&, Parcel<Files>& reply) {
            reply.add_files(FileWith("x"));
            return absl::OkStatus();
          };
        });
    dir_.OpenToAll("socket");
    return server;
  }
  // Clients that call, until the server reads no more, and never read.
  std::vector<RawPeer> SilentClients(int count) {
    std::vector<RawPeer> silent;
    for (int i = 0; i < count; ++i) {
      silent.push_back(NewPeer());
      EXPECT_TRUE(silent.back().Send(
          RawHello().Bytes() +
          MethodFrame(1, "fdrpc.testing.TestService/Get").Bytes()));
      for (uint32_t call = 1; call <= 1000; ++call) {
        if (silent.back().TrySend(OpenFrame(call, 1, "").Bytes()) < 0 &&
            call > 500) {
          break;
        }
      }
    }
    return silent;
  }
  // Calls whose replies have descriptors; returns the first error.
  static absl::Status GetManyTimes(const std::string& address) {
    absl::StatusOr<Channel> channel = Channel::Connect(address);
    if (!channel.ok()) return channel.status();
    TestService::Stub stub(*channel);
    for (int i = 0; i < 300; ++i) {
      absl::StatusOr<Parcel<Files>> reply = stub.Get(Text());
      if (!reply.ok()) return reply.status();
    }
    return absl::OkStatus();
  }

  TempDir dir_;
};
INSTANTIATE_TEST_SUITE_P(Over, OpenFilesLimitTest, kAllSchemes, SchemeName);

TEST_P(OpenFilesLimitTest, AServerRaisesItUnlessItIsToldNotTo) {
  for (const bool raises : {true, false}) {
    EXPECT_EQ(InChild([&] {
                BecomeUnprivileged();
                if (!SetLimit(100, 1000)) return 1;
                TempDir dir;
                Server server({.raise_open_files_limit = raises});
                if (!server.Listen(dir.address("s", GetParam())).ok()) return 2;
                rlimit limit = {};
                getrlimit(RLIMIT_NOFILE, &limit);
                return limit.rlim_cur == (raises ? 1000u : 100u) ? 0 : 3;
              }),
              0);
  }
}

TEST_P(OpenFilesLimitTest, MoreConnectionsThanTheSoftLimitAreServed) {
  ServerProcess server(address(), [](FakeService&) { SetLimit(64, 1000); });
  std::vector<RawPeer> clients;
  std::string why;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(NewPeer());
    ASSERT_TRUE(Serves(clients.back(), why)) << i << " " << why;
  }
  EXPECT_TRUE(Exchange(address()).ok());
}

TEST_P(OpenFilesLimitTest, OneUsersConnectionsLeaveOthersAndTheServerRoom) {
  ServerProcess server(address(), [](FakeService&) { SetLimit(100, 100); });
  std::vector<RawPeer> clients;
  std::string why;
  for (int i = 0; i < 150; ++i) {
    clients.push_back(NewPeer());
    if (!Serves(clients.back(), why)) {
      clients.pop_back();
      EXPECT_THAT(why, HasSubstr("limit for one user"));
    }
  }
  // Half of three quarters.
  EXPECT_EQ(clients.size(), 38u);
  if (geteuid() != 0) return;
  dir_.OpenToAll();
  dir_.OpenToAll("socket");
  EXPECT_EQ(InChild([&] {
              BecomeUnprivileged();
              std::vector<RawPeer> others;
              std::string full;
              for (int i = 0; i < 30; ++i) {
                others.push_back(NewPeer());
                if (!Serves(others.back(), full)) return 1;
              }
              if (!Exchange(address()).ok()) return 2;
              while (others.size() < 80) {
                others.push_back(NewPeer());
                if (!Serves(others.back(), full)) break;
              }
              if (others.size() > 38) return 3;
              return full.find("RLIMIT_NOFILE") != full.npos ? 0 : 5;
            }),
            0);
  // The first ones are still served.
  EXPECT_TRUE(Answers(clients.front(), why));
}

TEST_P(OpenFilesLimitTest, DescriptorsThatRequestsHoldLeaveOthersRoom) {
  ServerProcess server(address(), [](FakeService&) { SetLimit(100, 100); });
  // Begun, and never completed.
  RawPeer hoarder = NewPeer();
  ASSERT_TRUE(hoarder.Send(
      RawHello().Bytes() +
      MethodFrame(1, "fdrpc.testing.TestService/Exchange").Bytes()));
  const UniqueFd file = FileWith("x");
  for (uint32_t call = 1; call <= 30; ++call) {
    RawFrame open = OpenFrame(call, 1, "x", 10);
    open.flags = RawFrame::kHasMessage | RawFrame::kMore;
    ASSERT_TRUE(hoarder.Send(open, std::vector<int>(10, file.get())));
    if (call <= 3) continue;
    const RawStatus status = hoarder.ReadStatus(call);
    ASSERT_EQ(status.code, 8u) << status.text;
    ASSERT_THAT(status.text, HasSubstr("RLIMIT_NOFILE"));
  }
  EXPECT_EQ(Exchange(address()).message(), "");
}

TEST_P(OpenFilesLimitTest, DescriptorsThatWaitToBeClosedCountForTheirUser) {
  ServerProcess server(address(), [](FakeService&) { SetLimit(100, 100); });
  dir_.OpenToAll();
  dir_.OpenToAll("socket");
  RawPeer other = NewPeer();
  std::string why;
  ASSERT_TRUE(Serves(other, why));
  RawPeer client = NewPeer();
  ASSERT_TRUE(client.Send(
      RawHello().Bytes() +
      MethodFrame(1, "fdrpc.testing.TestService/Exchange").Bytes()));
  std::vector<UniqueFd> peers;
  // Sends such a descriptor with an incomplete request, so that the server
  // closes it last. False if the server refuses it.
  const auto sends = [&](uint32_t call) {
    auto [blocks, peer] = SocketWithALingeringOne();
    peers.push_back(std::move(peer));
    RawFrame open = OpenFrame(call, 1, "x", 1);
    open.flags = RawFrame::kHasMessage | RawFrame::kMore;
    EXPECT_TRUE(client.Send(open, {blocks.get()}));
    EXPECT_TRUE(client.Send(PingFrame(call)));
    bool refused = false;
    while (std::optional<ReadFrame> read = client.Read()) {
      if (read->frame.type == RawFrame::kPong) break;
      refused |= read->frame.type == RawFrame::kStatus;
    }
    // This one may then be the last.
    if (refused) CloseInBackground(std::move(blocks));
    return !refused;
  };
  uint32_t call = 1;
  for (; sends(call); ++call) {
    ASSERT_LE(call, 38u);
    ASSERT_TRUE(client.Send(CancelFrame(call)));
  }
  // Half of three quarters, and two of those are connections.
  EXPECT_GT(call, 30u);
  if (geteuid() == 0) {
    EXPECT_EQ(InChild([&] {
                BecomeUnprivileged();
                return Exchange(address()).ok() ? 0 : 1;
              }),
              0);
  }
  // Calls without descriptors are served, until there are too many.
  EXPECT_TRUE(Answers(other, why)) << why;
  if (GetParam() == std::string_view("unix:")) {
    bool answers = Answers(other, why);
    for (int i = 0; i < 20 && answers; ++i) {
      auto [blocks, peer] = SocketWithALingeringOne();
      peers.push_back(std::move(peer));
      // In two parts, for the same reason.
      const std::string open = OpenFrame(++call, 1, "x", 1).Bytes();
      ASSERT_TRUE(client.Send(open.substr(0, open.size() - 1), {blocks.get()}));
      blocks.Reset();
      // It may be refused itself, once the descriptor has arrived.
      (void)client.Send(open.substr(open.size() - 1));
      answers = Answers(other, why);
    }
    EXPECT_FALSE(answers);
    EXPECT_THAT(why, HasSubstr("wait to be closed"));
    RawPeer refused = NewPeer();
    EXPECT_FALSE(Serves(refused, why));
    EXPECT_THAT(why, HasSubstr("RLIMIT_NOFILE"));
  }
  peers.clear();
  for (bool served = false; !served;) {
    RawPeer again = NewPeer();
    served = Serves(again, why);
  }
}

// As the kernel counts for its user: root has no such limit.
TEST_P(OpenFilesLimitTest, ClientsThatDoNotReadLeaveOthersDescriptorsInFlight) {
  const auto server = NewUnprivilegedServer();
  const std::vector<RawPeer> silent = SilentClients(8);
  const absl::Status got = GetManyTimes(address());
  EXPECT_TRUE(got.ok()) << got;
}

TEST_P(OpenFilesLimitTest, AnyNumberOfClientsThatDoNotReadLeaveOthersRoom) {
  const auto server = NewUnprivilegedServer();
  const std::vector<RawPeer> silent = SilentClients(80);
  // Of the same user.
  const absl::Status got = GetManyTimes(address());
  EXPECT_TRUE(got.ok()) << got;
  if (geteuid() != 0) return;
  EXPECT_EQ(InChild([&] {
              BecomeUnprivileged();
              const absl::Status others = GetManyTimes(address());
              if (!others.ok()) std::cerr << others << "\n";
              return others.ok() ? 0 : 1;
            }),
            0);
}

}  // namespace
}  // namespace fdrpc::testing
