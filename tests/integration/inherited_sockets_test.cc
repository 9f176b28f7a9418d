// Sockets that were made elsewhere: the sockets of a socketpair, and sockets
// that a process inherits under a number.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "os/unix_address.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

// Both inheritable, as for a child that is exec'd.
std::pair<UniqueFd, UniqueFd> SocketPair(int type) {
  int fds[2] = {-1, -1};
  EXPECT_EQ(socketpair(AF_UNIX, type, 0, fds), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Calls that pass descriptors in both directions.
absl::Status Talk(TestService::Stub stub) {
  absl::Status said = stub.Echo(Text()).status();
  if (!said.ok()) return said;
  Parcel<Files> request;
  request.set_first(FileWith("x"));
  absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
  if (!reply.ok()) return reply.status();
  return ReadRest(reply->take_first().get()) == "x"
             ? absl::OkStatus()
             : absl::DataLossError("another file");
}

class InheritedSocketsTest : public ::testing::TestWithParam<int> {
 protected:
  static int type() { return GetParam(); }

  ExpectSameDescriptors census_;
};

INSTANTIATE_TEST_SUITE_P(Types, InheritedSocketsTest,
                         ::testing::Values(SOCK_STREAM, SOCK_SEQPACKET),
                         [](const auto& info) {
                           return info.param == SOCK_STREAM ? "Stream"
                                                            : "Seqpacket";
                         });

TEST_P(InheritedSocketsTest, AChildServesItsParentUntilThatHasGone) {
  auto [ours, childs] = SocketPair(type());
  const pid_t child = Fork([&ours = ours, &childs = childs] {
    ours.Reset();
    FakeService service;
    Server server;
    server.AddService(service);
    if (!server.ServeConnection(std::move(childs)).ok()) return 1;
    server.Run();
    return 0;
  });
  childs.Reset();
  {
    absl::StatusOr<Channel> channel = Channel::FromSocket(std::move(ours));
    ASSERT_TRUE(channel.ok()) << channel.status();
    const absl::Status talked = Talk(TestService::Stub(*channel));
    EXPECT_TRUE(talked.ok()) << talked;
  }
  EXPECT_EQ(ExitCode(child), 0);
}

TEST_P(InheritedSocketsTest, AParentServesItsChildren) {
  FakeService service;
  std::vector<pid_t> children;
  std::vector<UniqueFd> sockets;
  for (int i = 0; i < 3; ++i) {
    auto [ours, childs] = SocketPair(type());
    children.push_back(Fork([&childs = childs] {
      // Like a program that was exec'd: it knows only the number.
      absl::StatusOr<Channel> channel =
          Channel::Connect(absl::StrCat("fd:", childs.Release()));
      if (!channel.ok()) return 1;
      return Talk(TestService::Stub(*channel)).ok() ? 0 : 2;
    }));
    sockets.push_back(std::move(ours));
  }
  Server server;
  server.AddService(service);
  for (UniqueFd& socket : sockets) {
    ASSERT_TRUE(server.ServeConnection(std::move(socket)).ok());
  }
  ASSERT_TRUE(server.Start().ok());
  for (pid_t child : children) EXPECT_EQ(ExitCode(child), 0);
  // By itself, because nobody is left.
  server.Wait();
  auto [late, other] = SocketPair(type());
  EXPECT_EQ(server.ServeConnection(std::move(late)).code(),
            absl::StatusCode::kUnavailable);
}

TEST_P(InheritedSocketsTest, ServesConnectionsBesideAListener) {
  TempDir dir;
  FakeService service;
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.Listen(dir.address()).ok());
  ASSERT_TRUE(server.Start().ok());
  for (int i = 0; i < 3; ++i) {
    auto [ours, servers] = SocketPair(type());
    ASSERT_TRUE(server.ServeConnection(std::move(servers)).ok());
    EXPECT_TRUE(
        Talk(TestService::Stub(*Channel::FromSocket(std::move(ours)))).ok());
  }
  EXPECT_TRUE(Talk(TestService::Stub(*Channel::Connect(dir.address()))).ok());
  server.Shutdown();
  server.Wait();
}

TEST_P(InheritedSocketsTest, ListensOnASocketOfThatNumber) {
  TempDir dir;
  UniqueFd socket(::socket(AF_UNIX, type(), 0));
  const std::string scheme =
      type() == SOCK_STREAM ? "unix:" : "unix-seqpacket:";
  const std::string text = dir.address("socket", scheme);
  const UnixAddress address = *UnixAddress::Parse(text);
  ASSERT_EQ(bind(socket.get(), address.socket_address(), address.length()), 0);
  ASSERT_EQ(listen(socket.get(), 5), 0);
  FakeService service;
  {
    Server server;
    server.AddService(service);
    ASSERT_TRUE(server.Listen(absl::StrCat("fd:", socket.Release())).ok());
    ASSERT_TRUE(server.Start().ok());
    EXPECT_TRUE(Talk(TestService::Stub(*Channel::Connect(text))).ok());
  }
  EXPECT_EQ(access(dir.file("socket").c_str(), F_OK), 0)
      << "the file is that of who made it";
}

TEST_P(InheritedSocketsTest, RefusesOtherDescriptorsAndLeavesThemAlone) {
  const UniqueFd file = FileWith("not a socket");
  const std::string address = absl::StrCat("fd:", file.get());
  Server server;
  EXPECT_EQ(server.Listen(address).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Channel::Connect(address).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(server.Listen(address, {.mode = 0600}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Channel::Connect("fd:seven").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_GE(fcntl(file.get(), F_GETFD), 0);
  const absl::Status status =
      server.ServeConnection(UniqueFd(socket(AF_UNIX, SOCK_DGRAM, 0)));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("not connected"), absl::string_view::npos)
      << status;
}

TEST_P(InheritedSocketsTest, ANumberIsTakenOnce) {
  auto [ours, theirs] = SocketPair(type());
  const std::string address = absl::StrCat("fd:", ours.Release());
  FakeService service;
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.ServeConnection(std::move(theirs)).ok());
  ASSERT_TRUE(server.Start().ok());
  absl::StatusOr<Channel> channel = Channel::Connect(address);
  ASSERT_TRUE(channel.ok()) << channel.status();
  EXPECT_EQ(Channel::Connect(address).status().code(),
            absl::StatusCode::kFailedPrecondition);
  Server other;
  EXPECT_EQ(other.Listen(address).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Talk(TestService::Stub(*channel)).ok()) << "it was left alone";
}

TEST_P(InheritedSocketsTest, AServerAndAChannelCannotShareAnEnd) {
  auto [ours, theirs] = SocketPair(type());
  UniqueFd copy(dup(ours.get()));
  FakeService service;
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.ServeConnection(std::move(ours)).ok());
  const absl::Status status = Channel::FromSocket(std::move(copy)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  ASSERT_TRUE(server.Start().ok());
  EXPECT_TRUE(
      Talk(TestService::Stub(*Channel::FromSocket(std::move(theirs)))).ok());
}

TEST_P(InheritedSocketsTest, AChannelOfOneConnectionSaysWhenThatHasEnded) {
  auto [ours, theirs] = SocketPair(type());
  TestService::Stub stub(*Channel::FromSocket(std::move(ours)));
  theirs.Reset();
  EXPECT_EQ(stub.Echo(Text(), {.wait_for_ready = true}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  const absl::Status status = stub.Echo(Text()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
}

TEST_P(InheritedSocketsTest, AnUnusedChannelClosesItsSocket) {
  auto [ours, theirs] = SocketPair(type());
  { absl::StatusOr<Channel> unused = Channel::FromSocket(std::move(ours)); }
  char byte = 0;
  EXPECT_EQ(read(theirs.get(), &byte, 1), 0);
}

}  // namespace
}  // namespace fdrpc::testing
