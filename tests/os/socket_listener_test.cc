#include "os/socket_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/local_socket.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

UnixAddress AddressOf(const std::string& text) {
  absl::StatusOr<UnixAddress> address = UnixAddress::Parse(text);
  EXPECT_TRUE(address.ok()) << address.status();
  return *address;
}

class SocketListenerTest : public ::testing::Test {
 protected:
  UnixAddress Address() { return AddressOf(dir_.address()); }
  bool Exists() { return std::filesystem::exists(dir_.file("socket")); }
  static absl::StatusOr<SocketListener> TakeOver(UniqueFd fd,
                                                 bool removes_file) {
    absl::StatusOr<InheritedSocket> socket = InspectSocket(std::move(fd));
    if (!socket.ok()) return socket.status();
    return SocketListener::TakeOver(*socket, removes_file);
  }
  // Leaves a socket file that nobody listens on, as a crash would.
  void LeaveStaleSocket() {
    const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(fd.get(), Address().socket_address(), Address().length()),
              0);
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
};

TEST_F(SocketListenerTest, MakesASocketFileAndRemovesIt) {
  {
    const absl::StatusOr<SocketListener> listener =
        SocketListener::Listen(Address());
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_TRUE(Exists());
    EXPECT_TRUE(HasCloseOnExec(listener->fd()));
    EXPECT_TRUE(ConnectSocket(Address()).ok());
  }
  EXPECT_FALSE(Exists());
}

TEST_F(SocketListenerTest, AcceptsWithoutBlockingAndCloseOnExec) {
  const absl::StatusOr<SocketListener> listener =
      SocketListener::Listen(Address());
  ASSERT_TRUE(listener.ok()) << listener.status();
  const SocketListener::AcceptResult nobody = listener->Accept();
  EXPECT_FALSE(nobody.socket.ok());
  EXPECT_EQ(nobody.error, EAGAIN);

  const absl::StatusOr<UniqueFd> client = ConnectSocket(Address());
  ASSERT_TRUE(client.ok());
  const SocketListener::AcceptResult accepted = listener->Accept();
  ASSERT_TRUE(accepted.socket.ok());
  EXPECT_EQ(accepted.error, 0);
  EXPECT_TRUE(HasCloseOnExec(accepted.socket.get()));
  EXPECT_NE(fcntl(accepted.socket.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(send(client->get(), "x", 1, 0), 1);
  char byte = 0;
  EXPECT_EQ(recv(accepted.socket.get(), &byte, 1, 0), 1);
}

TEST_F(SocketListenerTest, ReportsWhyItCouldNotAccept) {
  const absl::StatusOr<SocketListener> listener =
      SocketListener::Listen(Address());
  ASSERT_TRUE(listener.ok()) << listener.status();
  const absl::StatusOr<UniqueFd> client = ConnectSocket(Address());
  ASSERT_TRUE(client.ok());
  {
    FaultInjection faults([](std::string_view, size_t index) {
      return FaultInjection::Fault{.error = index == 0 ? EINTR : EMFILE};
    });
    const SocketListener::AcceptResult accepted = listener->Accept();
    EXPECT_FALSE(accepted.socket.ok());
    EXPECT_EQ(accepted.error, EMFILE);
    EXPECT_EQ(faults.CountOf("accept4"), 2u);
  }
  EXPECT_TRUE(listener->Accept().socket.ok()) << "it still waits";
}

TEST_F(SocketListenerTest, ReplacesASocketThatNobodyListensOn) {
  LeaveStaleSocket();
  ASSERT_TRUE(Exists());
  const absl::StatusOr<SocketListener> listener =
      SocketListener::Listen(Address());
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_TRUE(ConnectSocket(Address()).ok());
}

TEST_F(SocketListenerTest, LeavesALiveServerAlone) {
  const absl::StatusOr<SocketListener> first =
      SocketListener::Listen(Address());
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::Status status = SocketListener::Listen(Address()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(status.message(), HasSubstr(Address().path()));
  EXPECT_TRUE(Exists());
  EXPECT_TRUE(ConnectSocket(Address()).ok());
}

TEST_F(SocketListenerTest, LeavesAServerAloneWhoseQueueIsFull) {
  const UniqueFd server(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(bind(server.get(), Address().socket_address(), Address().length()),
            0);
  ASSERT_EQ(listen(server.get(), 0), 0);
  const absl::StatusOr<UniqueFd> queued = ConnectSocket(Address());
  ASSERT_TRUE(queued.ok());
  EXPECT_EQ(SocketListener::Listen(Address()).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Exists());
}

TEST_F(SocketListenerTest, LeavesAFileAloneThatIsNoSocket) {
  std::ofstream(dir_.file("socket")) << "precious";
  const absl::Status status = SocketListener::Listen(Address()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(status.message(), HasSubstr("not a socket"));
  std::string content;
  std::ifstream(dir_.file("socket")) >> content;
  EXPECT_EQ(content, "precious");
}

TEST_F(SocketListenerTest, LeavesALinkAloneEvenToAStaleSocket) {
  LeaveStaleSocket();
  std::filesystem::create_symlink(dir_.file("socket"), dir_.file("link"));
  EXPECT_EQ(
      SocketListener::Listen(AddressOf(dir_.address("link"))).status().code(),
      absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Exists());
  EXPECT_TRUE(std::filesystem::is_symlink(dir_.file("link")));
}

TEST_F(SocketListenerTest, RemovesOnlyItsOwnFile) {
  absl::StatusOr<SocketListener> listener = SocketListener::Listen(Address());
  ASSERT_TRUE(listener.ok()) << listener.status();
  ASSERT_EQ(rename(dir_.file("socket").c_str(), dir_.file("old").c_str()), 0);
  LeaveStaleSocket();
  listener = absl::CancelledError();
  EXPECT_TRUE(Exists()) << "another has taken its place";
}

TEST_F(SocketListenerTest, MindsAFileThatIsGoneAlready) {
  absl::StatusOr<SocketListener> listener = SocketListener::Listen(Address());
  ASSERT_TRUE(listener.ok()) << listener.status();
  ASSERT_EQ(unlink(Address().path()), 0);
  listener = absl::CancelledError();
  EXPECT_FALSE(Exists());
}

TEST_F(SocketListenerTest, RemovesItsFileOnceWhenMoved) {
  absl::StatusOr<SocketListener> listener = SocketListener::Listen(Address());
  ASSERT_TRUE(listener.ok()) << listener.status();
  {
    SocketListener moved = *std::move(listener);
    listener = absl::CancelledError();
    EXPECT_TRUE(Exists());
    EXPECT_TRUE(ConnectSocket(Address()).ok());
  }
  EXPECT_FALSE(Exists());
}

TEST_F(SocketListenerTest, RemovesItsFileWhenListeningFails) {
  FaultInjection faults([](std::string_view name, size_t) {
    return FaultInjection::Fault{.error = name == "listen" ? ENOBUFS : 0};
  });
  EXPECT_EQ(SocketListener::Listen(Address()).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(Exists());
}

TEST_F(SocketListenerTest, SaysWhichStepFailed) {
  struct Case {
    const char* call;
    int error;
    absl::StatusCode code;
  };
  for (const Case& failing :
       {Case{"socket", EMFILE, absl::StatusCode::kResourceExhausted},
        Case{"bind", EACCES, absl::StatusCode::kPermissionDenied},
        Case{"bind", ENOENT, absl::StatusCode::kNotFound}}) {
    FaultInjection faults([&](std::string_view name, size_t) {
      return FaultInjection::Fault{.error = name == failing.call ? failing.error
                                                                 : 0};
    });
    const absl::Status status = SocketListener::Listen(Address()).status();
    EXPECT_EQ(status.code(), failing.code) << status;
    EXPECT_THAT(status.message(), HasSubstr(failing.call));
  }
}

TEST_F(SocketListenerTest, TakesOverASocketAndLeavesItsFile) {
  absl::StatusOr<SocketListener> first = SocketListener::Listen(Address());
  ASSERT_TRUE(first.ok()) << first.status();
  absl::StatusOr<UniqueFd> socket = first->Duplicate();
  ASSERT_TRUE(socket.ok()) << socket.status();
  first->LeaveFile();
  { const SocketListener ended = *std::move(first); }
  EXPECT_TRUE(Exists());
  {
    const absl::StatusOr<SocketListener> second =
        TakeOver(*std::move(socket), /*removes_file=*/false);
    ASSERT_TRUE(second.ok()) << second.status();
    const absl::StatusOr<UniqueFd> client = ConnectSocket(Address());
    ASSERT_TRUE(client.ok()) << client.status();
    EXPECT_EQ(second->Accept().error, 0);
    EXPECT_EQ(second->Accept().error, EAGAIN);
  }
  EXPECT_TRUE(Exists());
}

TEST_F(SocketListenerTest, TakesOverASocketThatBlocksAndItsFile) {
  {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(
        bind(socket.get(), Address().socket_address(), Address().length()), 0);
    ASSERT_EQ(listen(socket.get(), 1), 0);
    const absl::StatusOr<SocketListener> listener =
        TakeOver(std::move(socket), /*removes_file=*/true);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_EQ(listener->Accept().error, EAGAIN);
    EXPECT_EQ(fcntl(listener->fd(), F_GETFD), FD_CLOEXEC);
    EXPECT_TRUE(Exists());
  }
  EXPECT_FALSE(Exists());
}

TEST_F(SocketListenerTest, TakesOverTheLockOfAPredecessorThatStillListens) {
  absl::StatusOr<SocketListener> first = SocketListener::Listen(Address());
  ASSERT_TRUE(first.ok()) << first.status();
  absl::StatusOr<UniqueFd> socket = first->Duplicate();
  ASSERT_TRUE(socket.ok()) << socket.status();
  first->LeaveFile();
  EXPECT_EQ(SocketListener::Listen(Address()).status().code(),
            absl::StatusCode::kAlreadyExists)
      << "between the two, who asks finds that it lives";
  {
    const absl::StatusOr<SocketListener> second =
        TakeOver(*std::move(socket), /*removes_file=*/true);
    ASSERT_TRUE(second.ok()) << second.status();
    EXPECT_THAT(SocketListener::Listen(Address()).status().message(),
                HasSubstr(dir_.file("socket.lock")));
    first = absl::CancelledError();
    EXPECT_THAT(SocketListener::Listen(Address()).status().message(),
                HasSubstr(dir_.file("socket.lock")));
    EXPECT_TRUE(Exists());
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(SocketListenerTest, TakesOverNothingButListeningSockets) {
  const auto refuses = [](UniqueFd fd, const std::string& why) {
    const absl::StatusOr<SocketListener> listener =
        TakeOver(std::move(fd), false);
    ASSERT_FALSE(listener.ok());
    EXPECT_EQ(listener.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(listener.status().message()), HasSubstr(why));
  };
  refuses(UniqueFd(), "is not open");
  refuses(FileWith("a file"), "is not a socket");
  refuses(UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
          "does not listen");
  refuses(UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
          "Unix domain");
  refuses(UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
          "does not listen");
}

TEST_F(SocketListenerTest, AcceptsSocketsOfItsOwnType) {
  for (const char* scheme : {"unix:", "unix-seqpacket:", "unix-dgram:"}) {
    const UnixAddress address = AddressOf(dir_.address("socket", scheme));
    absl::StatusOr<SocketListener> listener = SocketListener::Listen(address);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_EQ(listener->accepted_type(), ConnectionType(address.type()));
    const absl::StatusOr<UniqueFd> client = ConnectSocket(address);
    ASSERT_TRUE(client.ok()) << client.status();
    const SocketListener::AcceptResult accepted = listener->Accept();
    ASSERT_EQ(accepted.error, 0);
    int type = 0;
    socklen_t length = sizeof(type);
    ASSERT_EQ(
        getsockopt(accepted.socket.get(), SOL_SOCKET, SO_TYPE, &type, &length),
        0);
    EXPECT_EQ(type, listener->accepted_type());
    // A successor finds out.
    EXPECT_EQ(TakeOver(*listener->Duplicate(), false)->accepted_type(), type);
  }
}

TEST_F(SocketListenerTest, BothEndsOfAStreamHoldMoreThanSocketsDoByDefault) {
  const auto capacity = [](int fd) {
    int bytes = 0;
    socklen_t length = sizeof(bytes);
    EXPECT_EQ(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &length), 0);
    return bytes;
  };
  for (const char* scheme : {"unix:", "unix-seqpacket:"}) {
    const UnixAddress address = AddressOf(dir_.address("socket", scheme));
    const absl::StatusOr<SocketListener> listener =
        SocketListener::Listen(address);
    ASSERT_TRUE(listener.ok()) << listener.status();
    const absl::StatusOr<UniqueFd> client = ConnectSocket(address);
    ASSERT_TRUE(client.ok()) << client.status();
    const SocketListener::AcceptResult accepted = listener->Accept();
    const int usual = capacity(NewLocalSocket(address.type())->get());
    // The kernel doubles the value, and the smallest maximum is the default.
    EXPECT_GE(capacity(client->get()), usual);
    EXPECT_EQ(capacity(accepted.socket.get()), capacity(client->get()));
    if (address.type() != SOCK_STREAM) {
      EXPECT_EQ(capacity(client->get()), usual);
      continue;
    }
    // A larger value stays.
    const int more = capacity(client->get());
    RaiseSendBuffer(client->get());
    EXPECT_EQ(capacity(client->get()), more);
  }
}

TEST_F(SocketListenerTest, HoldsAnAbstractNameAlone) {
  const UnixAddress address = AddressOf("unix:@" + dir_.path());
  {
    const absl::StatusOr<SocketListener> listener =
        SocketListener::Listen(address);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_TRUE(ConnectSocket(address).ok());
    EXPECT_EQ(SocketListener::Listen(address).status().code(),
              absl::StatusCode::kAlreadyExists);
  }
  EXPECT_TRUE(SocketListener::Listen(address).ok()) << "free again";
}

}  // namespace
}  // namespace fdrpc::testing
