#ifndef FDRPC_TESTS_SUPPORT_LINGERING_SOCKET_H_
#define FDRPC_TESTS_SUPPORT_LINGERING_SOCKET_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <utility>

#include "fdrpc/unique_fd.h"
#include "gtest/gtest.h"
#include "os/ancillary.h"
#include "tests/support/files.h"

namespace fdrpc::testing {

// A TCP connection. The first socket has more unsent data than the second
// takes, and its last close(2) waits for that data, longer than any test runs.
// It waits until the second is closed, whose unread data makes that a reset.
// (The kernel does not wait in a process that exits.)
inline std::pair<UniqueFd, UniqueFd> LingeringSocket() {
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
  const linger wait = {.l_onoff = 1, .l_linger = 3600};
  EXPECT_EQ(
      setsockopt(sender.get(), SOL_SOCKET, SO_LINGER, &wait, sizeof(wait)), 0);
  return {std::move(sender), std::move(peer)};
}

// A Unix-domain socket with the first of those sockets in its queue: closing it
// lingers until the second one is closed, and nobody can prevent that.
inline std::pair<UniqueFd, UniqueFd> SocketWithALingeringOne(
    int type = SOCK_STREAM) {
  auto [receiver, sender] = SocketPair(type);
  auto [lingering, peer] = LingeringSocket();
  char byte = 0;
  const iovec piece = {.iov_base = &byte, .iov_len = 1};
  const int sent[] = {lingering.get()};
  EXPECT_EQ(SendWithDescriptors(sender.get(), {&piece, 1}, sent).error, 0);
  return {std::move(receiver), std::move(peer)};
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_LINGERING_SOCKET_H_
