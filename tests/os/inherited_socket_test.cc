#include "os/inherited_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/socket_listener.h"
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
  // Neither form accepts it, and it stays open.
  static void Refuses(const UniqueFd& fd, const std::string& why) {
    const absl::StatusOr<InheritedSocket> taken = TakeInheritedSocket(fd.get());
    ASSERT_FALSE(taken.ok());
    EXPECT_EQ(taken.status().code(), absl::StatusCode::kInvalidArgument)
        << taken.status();
    EXPECT_THAT(std::string(taken.status().message()), HasSubstr(why));
    EXPECT_GE(fcntl(fd.get(), F_GETFD), 0);
  }

  ExpectSameDescriptors census_;
};

TEST_F(InheritedSocketTest, TakesAConnectedSocket) {
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
    auto [ours, theirs] = Pair(AF_UNIX, type);
    const int number = ours.Release();
    const absl::StatusOr<InheritedSocket> taken = TakeInheritedSocket(number);
    ASSERT_TRUE(taken.ok()) << taken.status();
    EXPECT_EQ(taken->fd.get(), number);
    EXPECT_EQ(taken->kind.type, type);
    EXPECT_TRUE(taken->kind.connected);
    EXPECT_FALSE(taken->kind.listens);
    EXPECT_TRUE(PrepareConnectedSocket(*taken).ok());
    EXPECT_FALSE(CheckListens(*taken).ok());
    EXPECT_EQ(fcntl(number, F_GETFD), FD_CLOEXEC);
    EXPECT_NE(fcntl(number, F_GETFL) & O_NONBLOCK, 0);
  }
}

TEST_F(InheritedSocketTest, TakesAConnectedSocketWhosePeerHasGone) {
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
    auto [ours, theirs] = Pair(AF_UNIX, type);
    theirs.Reset();
    EXPECT_TRUE(PrepareConnectedSocket(*InspectSocket(std::move(ours))).ok());
  }
}

TEST_F(InheritedSocketTest, TakesAListeningSocketButNotAsAConnection) {
  for (const char* scheme : {"unix:", "unix-seqpacket:", "unix-dgram:"}) {
    TempDir dir;
    absl::StatusOr<SocketListener> listener = SocketListener::Listen(
        *UnixAddress::Parse(dir.address("socket", scheme)));
    ASSERT_TRUE(listener.ok()) << listener.status();
    const absl::StatusOr<InheritedSocket> taken =
        TakeInheritedSocket(listener->Duplicate()->Release());
    ASSERT_TRUE(taken.ok()) << taken.status();
    EXPECT_TRUE(taken->kind.listens);
    EXPECT_EQ(ConnectionType(taken->kind.type), listener->accepted_type());
    EXPECT_TRUE(CheckListens(*taken).ok());
    EXPECT_EQ(PrepareConnectedSocket(*taken).code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(InheritedSocketTest, IsTakenByItsNumberOnce) {
  auto [ours, theirs] = Pair(AF_UNIX, SOCK_STREAM);
  const int number = ours.Release();
  absl::StatusOr<InheritedSocket> first = TakeInheritedSocket(number);
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::StatusOr<InheritedSocket> second = TakeInheritedSocket(number);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("already in use by a server or channel"));
  // Another socket with the same number is a different one.
  first->fd.Reset();
  auto [others, end] = Pair(AF_UNIX, SOCK_STREAM);
  ASSERT_EQ(dup2(others.get(), number), number);
  EXPECT_TRUE(TakeInheritedSocket(number).ok());
}

TEST_F(InheritedSocketTest, CanBeTakenAgainIfItWasGivenBack) {
  auto [ours, theirs] = Pair(AF_UNIX, SOCK_STREAM);
  const int number = ours.Release();
  absl::StatusOr<InheritedSocket> first = TakeInheritedSocket(number);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(PrepareConnectedSocket(*first).ok());
  GiveBack(*std::move(first));
  EXPECT_GE(fcntl(number, F_GETFD), 0);
  EXPECT_TRUE(TakeInheritedSocket(number).ok());
}

TEST_F(InheritedSocketTest, ADuplicateOfAnEndInUseIsRefused) {
  auto [ours, theirs] = Pair(AF_UNIX, SOCK_STREAM);
  absl::StatusOr<InheritedSocket> copy =
      InspectSocket(UniqueFd(dup(ours.get())));
  absl::StatusOr<InheritedSocket> original = InspectSocket(std::move(ours));
  absl::StatusOr<InheritedSocket> other = InspectSocket(std::move(theirs));
  ASSERT_TRUE(PrepareConnectedSocket(*original).ok());
  EXPECT_TRUE(PrepareConnectedSocket(*original).ok()) << "it is the same";
  EXPECT_TRUE(PrepareConnectedSocket(*other).ok()) << "the other end";
  const absl::Status status = PrepareConnectedSocket(*copy);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("duplicate"));
  original->fd.Reset();
  EXPECT_TRUE(PrepareConnectedSocket(*copy).ok()) << "nobody uses it any more";
}

TEST_F(InheritedSocketTest, RefusesWhatItCannotServeAndLeavesItOpen) {
  Refuses(FileWith("a file"), "is not a socket");
  Refuses(Socket(AF_UNIX, SOCK_STREAM), "connected");
  Refuses(Socket(AF_UNIX, SOCK_SEQPACKET), "connected");
  Refuses(Socket(AF_INET, SOCK_STREAM), "Unix domain");
  Refuses(Socket(AF_UNIX, SOCK_DGRAM), "connected");
  const absl::StatusOr<InheritedSocket> nothing = TakeInheritedSocket(1 << 20);
  EXPECT_EQ(nothing.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(nothing.status().message()),
              HasSubstr("descriptor 1048576 is not open"));
}

TEST_F(InheritedSocketTest, TakesOneOfADatagramPair) {
  UniqueFd one = Pair(AF_UNIX, SOCK_DGRAM).first;
  absl::StatusOr<InheritedSocket> taken = TakeInheritedSocket(one.Release());
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_TRUE(taken->kind.connected);
  EXPECT_FALSE(taken->kind.listens);
  EXPECT_TRUE(PrepareConnectedSocket(*taken).ok());
  EXPECT_FALSE(CheckListens(*taken).ok());
}

}  // namespace
}  // namespace fdrpc::testing
