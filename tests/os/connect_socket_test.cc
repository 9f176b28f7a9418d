#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/connect_failure.h"
#include "os/local_socket.h"
#include "os/socket_listener.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class ConnectSocketTest : public ::testing::Test {
 protected:
  UnixAddress Address(const std::string& name = "socket") {
    absl::StatusOr<UnixAddress> address =
        UnixAddress::Parse(dir_.address(name));
    EXPECT_TRUE(address.ok()) << address.status();
    return *address;
  }
  SocketListener Listen() {
    absl::StatusOr<SocketListener> listener = SocketListener::Listen(Address());
    EXPECT_TRUE(listener.ok()) << listener.status();
    return *std::move(listener);
  }

  // The explanation why there is no listener.
  static std::string Why(const UnixAddress& address) {
    const absl::Status failure = ConnectSocket(address).status();
    EXPECT_EQ(failure.code(), absl::StatusCode::kUnavailable) << failure;
    return std::string(ExplainNoListener(address, failure).message());
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
};

TEST_F(ConnectSocketTest, ConnectsWithoutBlockingAndCloseOnExec) {
  const SocketListener listener = Listen();
  const absl::StatusOr<UniqueFd> fd = ConnectSocket(Address());
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_TRUE(HasCloseOnExec(fd->get()));
  EXPECT_NE(fcntl(fd->get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_TRUE(listener.Accept().socket.ok());
}

TEST_F(ConnectSocketTest, SaysSoWhereASocketOfAnotherTypeIs) {
  const SocketListener listener = Listen();
  const absl::StatusOr<UnixAddress> other =
      UnixAddress::Parse(dir_.address("socket", "unix-seqpacket:"));
  ASSERT_TRUE(other.ok());
  const absl::Status status = ConnectSocket(*other).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another type"));
}

TEST_F(ConnectSocketTest, IsUnavailableWhereNoSocketIs) {
  const absl::Status status = ConnectSocket(Address()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr(Address().text()));
}

TEST_F(ConnectSocketTest, IsUnavailableWhereNobodyListensAnyMore) {
  const UniqueFd bound(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(bind(bound.get(), Address().socket_address(), Address().length()),
            0);
  EXPECT_EQ(ConnectSocket(Address()).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(ConnectSocketTest, IsUnavailableForAnUnknownAbstractName) {
  const absl::StatusOr<UnixAddress> address =
      UnixAddress::Parse("unix:@" + dir_.path());
  ASSERT_TRUE(address.ok());
  EXPECT_EQ(ConnectSocket(*address).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(ConnectSocketTest, IsEmptyWhileTheQueueOfConnectionsIsFull) {
  for (const char* scheme : {"unix:", "unix-seqpacket:"}) {
    const UnixAddress address =
        *UnixAddress::Parse(dir_.address(scheme, scheme));
    const UniqueFd server(socket(AF_UNIX, address.type() | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(server.get(), address.socket_address(), address.length()),
              0);
    ASSERT_EQ(listen(server.get(), 0), 0);
    std::vector<UniqueFd> waiting;
    while (true) {
      absl::StatusOr<UniqueFd> fd = ConnectSocket(address);
      ASSERT_TRUE(fd.ok()) << fd.status();
      if (!fd->ok()) break;
      waiting.push_back(*std::move(fd));
      ASSERT_LT(waiting.size(), 10u);
    }
  }
}

TEST_F(ConnectSocketTest, ReachesALongPath) {
  const std::string name = std::string(100, 'd') + "/socket";
  EXPECT_EQ(ConnectSocket(Address(name)).status().code(),
            absl::StatusCode::kUnavailable);
  ASSERT_TRUE(std::filesystem::create_directory(
      dir_.file(name).substr(0, dir_.file(name).rfind('/'))));
  EXPECT_EQ(ConnectSocket(Address(name)).status().code(),
            absl::StatusCode::kUnavailable);
  const absl::StatusOr<SocketListener> listener =
      SocketListener::Listen(Address(name));
  ASSERT_TRUE(listener.ok()) << listener.status();
  const absl::StatusOr<UniqueFd> client = ConnectSocket(Address(name));
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE(listener->Accept().socket.ok());
  EXPECT_EQ(SocketListener::Listen(Address(name)).status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(ConnectSocketTest, IsPermissionDeniedWhereTheUserMayNot) {
  const SocketListener listener = Listen();
  ASSERT_EQ(chmod(Address().path(), 0), 0);
  ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
  EXPECT_EQ(InChild([this] {
              BecomeUnprivileged();
              return static_cast<int>(ConnectSocket(Address()).status().code());
            }),
            static_cast<int>(absl::StatusCode::kPermissionDenied));
}

TEST_F(ConnectSocketTest,
       IsPermissionDeniedInADirectoryThatTheUserMayNotSearch) {
  if (geteuid() != 0) GTEST_SKIP() << "needs a second user";
  const SocketListener listener = Listen();
  ASSERT_EQ(chmod(Address().path(), 0777), 0);
  EXPECT_EQ(InChild([this] {
              BecomeUnprivileged();
              return static_cast<int>(ConnectSocket(Address()).status().code());
            }),
            static_cast<int>(absl::StatusCode::kPermissionDenied));
}

TEST_F(ConnectSocketTest, SaysWhichComponentIsMissingOrInTheWay) {
  EXPECT_THAT(
      Why(Address("missing/deep/socket")),
      HasSubstr(" (ENOENT): " + dir_.file("missing") + " does not exist"));
  const std::string file = dir_.file("file");
  ASSERT_TRUE(std::ofstream(file).put('x').good());
  EXPECT_THAT(Why(Address("file")),
              HasSubstr(" (ECONNREFUSED): " + file + " is not a socket"));
  const absl::Status status = ConnectSocket(Address("file/socket")).status();
  EXPECT_FALSE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(file + " is not a directory"));
  { const SocketListener listener = Listen(); }
  EXPECT_THAT(Why(Address()),
              HasSubstr(dir_.file("socket") + " does not exist"));
}

TEST_F(ConnectSocketTest, DoesNotLookForTheReasonOfEachFailure) {
  FaultInjection count([](std::string_view name, size_t) {
    EXPECT_NE(name, "fstatat");
    return FaultInjection::Fault{};
  });
  EXPECT_TRUE(absl::IsUnavailable(ConnectSocket(Address()).status()));
}

TEST_F(ConnectSocketTest, SaysOfWhichComponentOfALongPathItSpeaks) {
  EXPECT_THAT(Why(Address(std::string(100, 'd') + "/socket")),
              HasSubstr(std::string(100, 'd') + " does not exist"));
}

TEST_F(ConnectSocketTest, SaysFromWhichDirectoryARelativePathGoes) {
  const absl::StatusOr<UnixAddress> address =
      UnixAddress::Parse("unix:no-such-directory/socket");
  ASSERT_TRUE(address.ok());
  EXPECT_THAT(Why(*address),
              HasSubstr("no-such-directory does not exist (the working "
                        "directory is " +
                        std::filesystem::current_path().string() + ")"));
}

TEST_F(ConnectSocketTest, SaysWhoMayNotUseWhat) {
  if (geteuid() != 0) GTEST_SKIP() << "needs a second user";
  const SocketListener listener = Listen();
  ASSERT_EQ(chmod(Address().path(), 0700), 0);
  const auto says = [this](const std::string& what) {
    return InChild([&] {
      BecomeUnprivileged();
      const std::string message(ConnectSocket(Address()).status().message());
      const std::string user = "user " + std::to_string(geteuid()) + " ";
      return message.find(what) != std::string::npos &&
                     message.find(user) != std::string::npos
                 ? 0
                 : 1;
    });
  };
  ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
  EXPECT_EQ(says("may not write to the socket " + dir_.file("socket") +
                 " (mode 0700, user 0, group 0)"),
            0);
  ASSERT_EQ(chmod(dir_.path().c_str(), 0700), 0);
  EXPECT_EQ(says("may not search the directory " + dir_.path() +
                 " (mode 0700, user 0, group 0)"),
            0);
}

TEST_F(ConnectSocketTest, FailsWithoutDescriptorsLeft) {
  const SocketListener listener = Listen();
  for (const int error : {EMFILE, ENFILE, ENOMEM, ENOBUFS}) {
    FaultInjection faults([error](std::string_view name, size_t) {
      return FaultInjection::Fault{.error = name == "socket" ? error : 0};
    });
    const absl::Status status = ConnectSocket(Address()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << error;
  }
}

class PeerCredentialsTest : public ConnectSocketTest {};

TEST_F(PeerCredentialsTest, AreThoseOfTheProcessAtTheOtherEnd) {
  const SocketListener listener = Listen();
  const absl::StatusOr<UniqueFd> client = ConnectSocket(Address());
  ASSERT_TRUE(client.ok());
  const SocketListener::AcceptResult accepted = listener.Accept();
  for (const int fd : {client->get(), accepted.socket.get()}) {
    const absl::StatusOr<PeerCredentials> peer = GetPeerCredentials(fd);
    ASSERT_TRUE(peer.ok()) << peer.status();
    EXPECT_EQ(peer->pid, getpid());
    EXPECT_EQ(peer->uid, geteuid());
    EXPECT_EQ(peer->gid, getegid());
  }
}

TEST_F(PeerCredentialsTest, TellOneProcessFromAnother) {
  const SocketListener listener = Listen();
  const UnixAddress address = Address();
  EXPECT_EQ(InChild([&] { return ConnectSocket(address).ok() ? 0 : 1; }), 0);
  const SocketListener::AcceptResult accepted = listener.Accept();
  const absl::StatusOr<PeerCredentials> peer =
      GetPeerCredentials(accepted.socket.get());
  ASSERT_TRUE(peer.ok()) << peer.status();
  EXPECT_NE(peer->pid, getpid());
  EXPECT_GT(peer->pid, 0);
}

TEST_F(PeerCredentialsTest, AreAnErrorWhereTheKernelDoesNotTell) {
  const UniqueFd file = FileWith("");
  EXPECT_EQ(GetPeerCredentials(file.get()).status().code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(GetPeerCredentials(-1).status().code(),
            absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace fdrpc::testing
