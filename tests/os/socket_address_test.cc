#include "os/socket_address.h"

#include <string>
#include <variant>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc {
namespace {

using ::testing::HasSubstr;

TEST(SocketAddressTest, FindsTheNumberOfAnInheritedSocket) {
  EXPECT_EQ(std::get<FdAddress>(*ParseSocketAddress("fd:7")).number, 7);
  EXPECT_EQ(std::get<FdAddress>(*ParseSocketAddress("fd:0")).number, 0);
  for (const char* wrong : {"fd:", "fd:x", "fd:-1", "fd:+1", "fd: 1", "fd:1 ",
                            "fd:1x", "fd:99999999999"}) {
    const absl::Status status = ParseSocketAddress(wrong).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(wrong));
  }
}

TEST(SocketAddressTest, FindsTheNameOfPassedSockets) {
  EXPECT_EQ(std::get<SystemdAddress>(*ParseSocketAddress("systemd:")).name, "");
  EXPECT_EQ(
      std::get<SystemdAddress>(*ParseSocketAddress("systemd:a.socket")).name,
      "a.socket");
}

TEST(SocketAddressTest, IsAUnixAddressOtherwise) {
  for (const char* text : {"unix:fd:7", "unix:systemd:", "unix-dgram:@fd:7"}) {
    EXPECT_EQ(std::get<UnixAddress>(*ParseSocketAddress(text)).text(), text);
  }
}

TEST(SocketAddressTest, RefusesWhatHasNoKnownForm) {
  for (const char* text : {"", "fd", "systemd", "tcp:host:1", "FD:7"}) {
    const absl::Status status = ParseSocketAddress(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("write unix:/path"));
  }
}

}  // namespace
}  // namespace fdrpc
