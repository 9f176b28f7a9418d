#include "os/inherited_socket.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/stream_socket.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class InheritedSocketTest : public ::testing::Test {
 protected:
  static std::pair<UniqueFd, UniqueFd> Pair(int domain, int type) {
    int fds[2] = {-1, -1};
    EXPECT_EQ(socketpair(domain, type, 0, fds), 0);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
  }
  static UniqueFd Socket(int domain, int type) {
    return UniqueFd(socket(domain, type | SOCK_CLOEXEC, 0));
  }
  // Neither form takes it, and it stays open.
  static void Refuses(const UniqueFd& fd, absl::StatusCode code,
                      const std::string& why) {
    const absl::StatusOr<UniqueFd> taken = TakeInheritedSocket(fd.get());
    ASSERT_FALSE(taken.ok());
    EXPECT_EQ(taken.status().code(), code) << taken.status();
    EXPECT_THAT(std::string(taken.status().message()), HasSubstr(why));
    EXPECT_EQ(PrepareConnectedSocket(fd.get()).code(), code);
    EXPECT_GE(fcntl(fd.get(), F_GETFD), 0);
  }

  ExpectSameDescriptors census_;
};

TEST_F(InheritedSocketTest, ParsesTheNumberOfAnAddress) {
  EXPECT_EQ(**ParseFdAddress("fd:7"), 7);
  EXPECT_EQ(**ParseFdAddress("fd:0"), 0);
  EXPECT_FALSE(ParseFdAddress("unix:fd:7")->has_value());
  for (const char* wrong : {"fd:", "fd:x", "fd:-1", "fd:+1", "fd: 1", "fd:1 ",
                            "fd:1x", "fd:99999999999"}) {
    const auto parsed = ParseFdAddress(wrong);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(wrong));
  }
}

TEST_F(InheritedSocketTest, TakesAConnectedSocket) {
  auto [ours, theirs] = Pair(AF_UNIX, SOCK_STREAM);
  const absl::StatusOr<SocketKind> kind = GetSocketKind(ours.get());
  ASSERT_TRUE(kind.ok()) << kind.status();
  EXPECT_TRUE(kind->connected);
  EXPECT_FALSE(kind->listens);
  const int number = ours.Release();
  absl::StatusOr<UniqueFd> taken = TakeInheritedSocket(number);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->get(), number);
  EXPECT_TRUE(PrepareConnectedSocket(number).ok());
  EXPECT_EQ(fcntl(number, F_GETFD), FD_CLOEXEC);
  EXPECT_NE(fcntl(number, F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(InheritedSocketTest, TakesAConnectedSocketWhosePeerHasGone) {
  auto [ours, theirs] = Pair(AF_UNIX, SOCK_STREAM);
  theirs.Reset();
  EXPECT_TRUE(PrepareConnectedSocket(ours.get()).ok());
}

TEST_F(InheritedSocketTest, TakesAListeningSocketButNotAsAConnection) {
  TempDir dir;
  absl::StatusOr<StreamListener> listener =
      StreamListener::Listen(*UnixAddress::Parse(dir.address()));
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_TRUE(GetSocketKind(listener->fd())->listens);
  EXPECT_EQ(PrepareConnectedSocket(listener->fd()).code(),
            absl::StatusCode::kInvalidArgument);
  absl::StatusOr<UniqueFd> taken =
      TakeInheritedSocket(listener->Duplicate()->Release());
  EXPECT_TRUE(taken.ok()) << taken.status();
}

TEST_F(InheritedSocketTest, RefusesWhatItCannotServeAndLeavesItOpen) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  Refuses(FileWith("a file"), kInvalid, "is not a socket");
  Refuses(Socket(AF_UNIX, SOCK_STREAM), kInvalid, "connected");
  Refuses(Socket(AF_INET, SOCK_STREAM), kInvalid, "Unix domain");
  Refuses(Pair(AF_UNIX, SOCK_DGRAM).first, absl::StatusCode::kUnimplemented,
          "use a stream socket");
  Refuses(Pair(AF_UNIX, SOCK_SEQPACKET).first, absl::StatusCode::kUnimplemented,
          "use a stream socket");
  const absl::StatusOr<UniqueFd> nothing = TakeInheritedSocket(1 << 20);
  EXPECT_EQ(nothing.status().code(), kInvalid);
  EXPECT_THAT(std::string(nothing.status().message()),
              HasSubstr("descriptor 1048576 is not open"));
}

}  // namespace
}  // namespace fdrpc::testing
