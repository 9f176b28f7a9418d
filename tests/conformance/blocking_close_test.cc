// Descriptors whose close(2) blocks for as long as the peer likes.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>

#include "tests/conformance/attacked_server.h"

namespace fdrpc::testing {
namespace {

// A TCP connection of which one end has more unsent data than the other takes,
// and waits for that at its last close(2).
std::pair<UniqueFd, UniqueFd> LingeringSocket() {
  UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(listener.get(), any, length), 0);
  EXPECT_EQ(listen(listener.get(), 1), 0);
  EXPECT_EQ(getsockname(listener.get(), any, &length), 0);
  UniqueFd sender(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(sender.get(), any, length), 0);
  UniqueFd peer(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE(peer.ok());
  const std::string data(1 << 20, 'x');
  while (send(sender.get(), data.data(), data.size(), MSG_DONTWAIT) > 0) {
  }
  const linger wait = {.l_onoff = 1, .l_linger = 60};
  EXPECT_EQ(
      setsockopt(sender.get(), SOL_SOCKET, SO_LINGER, &wait, sizeof(wait)), 0);
  return {std::move(sender), std::move(peer)};
}

class BlockingCloseTest : public AttackedServer {
 protected:
  // The server drops such a descriptor, which came in `open`, and serves on.
  void ExpectServesWhileItCloses(RawFrame open) {
    Serve();
    auto [lingering, peer] = LingeringSocket();
    RawPeer client = NewClient();
    // The server has it, but not the end of its frame, when this side closes
    // its own: the server's close is the last one, which waits.
    const std::string bytes = open.Bytes();
    ASSERT_TRUE(
        client.Send(bytes.substr(0, bytes.size() - 1), {lingering.get()}));
    RawPeer other = NewClient();
    ExpectLives(other, 1);
    lingering.Reset();
    ASSERT_TRUE(client.Send(bytes.substr(bytes.size() - 1)));
    EXPECT_NE(client.ReadStatus(open.call).code, kOk);
    ExpectLives(other, 2);
    ExpectServes();
    // Unread data makes its end a reset, at which the close returns.
    peer.Reset();
  }
};
INSTANTIATE_TEST_SUITE_P(Over, BlockingCloseTest, kAllSchemes, SchemeName);

TEST_P(BlockingCloseTest, OfADescriptorForAnUnknownMethodHoldsUpNobody) {
  if (packets()) GTEST_SKIP() << kNoParts;
  RawFrame open = OpenFrame(1, kWatch, TextBytes("x"), 1);
  ExpectServesWhileItCloses(open);
}

TEST_P(BlockingCloseTest, OfADescriptorThatTheMethodDoesNotTakeHoldsUpNobody) {
  if (packets()) GTEST_SKIP() << kNoParts;
  ExpectServesWhileItCloses(OpenFrame(1, kEcho, TextBytes("x"), 1));
}

}  // namespace
}  // namespace fdrpc::testing
