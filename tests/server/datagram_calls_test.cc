// What the server takes from datagrams, without a server.

#include "server/datagram_calls.h"

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "os/background_close.h"
#include "tests/server/connection_parts.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/lingering_socket.h"

namespace fdrpc::testing {
namespace {

class DatagramCallsTest : public ::testing::Test {
 protected:
  static constexpr uid_t kUser = 1000;

  void Make(const ClientAccounts::Limits& limits) {
    accounts_ = std::make_shared<ClientAccounts>(limits);
    calls_ = std::make_unique<DatagramCalls>(
        DatagramCalls::Shared{.clock = Clock::Real(),
                              .options = parts_.options,
                              .registry = parts_.registry,
                              .executor = executor_,
                              .reactor = reactor_,
                              .counters = parts_.counters,
                              .kept_messages = parts_.kept_messages,
                              .waker = parts_.waker,
                              .accounts = accounts_},
        /*owner=*/1);
  }
  // Takes a datagram that is no call.
  void TakeWith(UniqueFd fd) {
    BackgroundCloseScope closes;
    ReceivedDatagram datagram;
    datagram.bytes = "garbage";
    datagram.set.fds.push_back(std::move(fd));
    datagram.set.sender = PeerCredentials{.uid = kUser, .gid = 0, .pid = 1};
    EXPECT_FALSE(calls_->Take(datagram, nullptr, nullptr));
  }

  ExpectSameDescriptors census_;
  ConnectionParts parts_;
  const std::shared_ptr<Reactor> reactor_ = parts_.reactor;
  const std::shared_ptr<Executor> executor_ = std::make_shared<FakeExecutor>();
  std::shared_ptr<ClientAccounts> accounts_;
  std::unique_ptr<DatagramCalls> calls_;
};

// Of users with and without an account: nobody may have a connection with the
// second limits.
TEST_F(DatagramCallsTest, DescriptorsThatWaitToBeClosedAreLimited) {
  for (const ClientAccounts::Limits& limits :
       {ClientAccounts::Limits{.connections = 10,
       .connections_of_user = 10,
       .files = 100,
       .files_of_user = 10},
        ClientAccounts::Limits()}) {
    Make(limits);
    std::vector<UniqueFd> peers;
    while (calls_->MayReceive()) {
      ASSERT_LT(peers.size(), 100u);
      auto [lingering, peer] = SocketWithALingeringOne();
      peers.push_back(std::move(peer));
      TakeWith(std::move(lingering));
    }
    EXPECT_GE(peers.size(), 10u);
    peers.clear();
    while (!calls_->MayReceive()) std::this_thread::yield();
  }
  while (BackgroundClosesPending() > 0) std::this_thread::yield();
}

}  // namespace
}  // namespace fdrpc::testing
