// A datagram socket as a door: what is a valid knock, and what is not.

#include "os/datagram_door.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/ancillary.h"
#include "os/local_socket.h"
#include "os/socket_listener.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/open_file_limit.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

const std::string kKnock("FDRD\1\0\0\0", 8);

class DatagramDoorTest : public ::testing::Test {
 protected:
  DatagramDoorTest()
      : address_(*UnixAddress::Parse(dir_.address("door", "unix-dgram:"))) {
    absl::StatusOr<SocketListener> door = SocketListener::Listen(address_);
    EXPECT_TRUE(door.ok()) << door.status();
    door_.emplace(*std::move(door));
    stranger_ = NewStranger();
  }

  // A socket that can send anything to the door.
  UniqueFd NewStranger() {
    UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(
        connect(socket.get(), address_.socket_address(), address_.length()), 0);
    return socket;
  }
  void Send(const std::string& bytes, const std::vector<int>& fds,
            bool credentials = true) {
    const PeerCredentials own = OwnCredentials();
    const iovec piece = {const_cast<char*>(bytes.data()), bytes.size()};
    ASSERT_EQ(SendWithDescriptors(stranger_.get(), {&piece, 1}, fds,
                                  credentials ? &own : nullptr)
                  .error,
              0);
  }
  // The door drops that, leaves nothing open, and continues to work.
  void Drops(const std::string& bytes, const std::vector<int>& fds) {
    const DescriptorCensus before = TakeCensus();
    Send(bytes, fds);
    const SocketListener::AcceptResult accepted = door_->Accept();
    EXPECT_EQ(accepted.error, EBADMSG);
    EXPECT_FALSE(accepted.socket.ok());
    EXPECT_EQ(TakeCensus(), before);
    ExpectOpens();
  }
  void ExpectOpens() {
    const absl::StatusOr<UniqueFd> client = ConnectSocket(address_);
    ASSERT_TRUE(client.ok()) << client.status();
    ASSERT_TRUE(client->ok());
    const SocketListener::AcceptResult accepted = door_->Accept();
    ASSERT_EQ(accepted.error, 0);
    EXPECT_EQ(send(client->get(), "x", 1, 0), 1);
    char byte = 0;
    EXPECT_EQ(recv(accepted.socket.get(), &byte, 1, 0), 1);
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  UnixAddress address_;
  std::optional<SocketListener> door_;
  UniqueFd stranger_;
};

TEST_F(DatagramDoorTest, GivesBothSidesTheirEndOfAPair) {
  EXPECT_EQ(door_->Accept().error, EAGAIN);
  EXPECT_EQ(door_->accepted_type(), SOCK_SEQPACKET);
  absl::StatusOr<UniqueFd> client = ConnectSocket(address_);
  ASSERT_TRUE(client.ok()) << client.status();
  // It need not wait.
  EXPECT_EQ(send(client->get(), "first", 5, 0), 5);
  const SocketListener::AcceptResult server = door_->Accept();
  ASSERT_EQ(server.error, 0);
  char bytes[10];
  EXPECT_EQ(recv(server.socket.get(), bytes, sizeof(bytes), 0), 5);
  for (const int end : {client->get(), server.socket.get()}) {
    EXPECT_TRUE(HasCloseOnExec(end));
    EXPECT_NE(fcntl(end, F_GETFL) & O_NONBLOCK, 0);
  }
  client->Reset();
  EXPECT_EQ(recv(server.socket.get(), bytes, sizeof(bytes), 0), 0)
      << "the client's end was the only one";
}

TEST_F(DatagramDoorTest, TheKernelSaysWhoIsAtTheOtherEnd) {
  const pid_t child = fork();
  if (child == 0) {
    const absl::StatusOr<UniqueFd> end = ConnectSocket(address_);
    char byte;
    _exit(end.ok() && recv(end->get(), &byte, 1, MSG_WAITALL) <= 0 ? 0 : 1);
  }
  ASSERT_GT(child, 0);
  SocketListener::AcceptResult accepted;
  do {
    accepted = door_->Accept();
  } while (accepted.error == EAGAIN);
  ASSERT_EQ(accepted.error, 0);
  const absl::StatusOr<PeerCredentials> peer =
      GetPeerCredentials(accepted.socket.get());
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->pid, child);
  EXPECT_EQ(peer->uid, geteuid());
  accepted.socket.Reset();
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
}

TEST_F(DatagramDoorTest, NobodySpeaksInAnotherProcesssName) {
  // A child's socket of a pair, which this process got from it and sends.
  auto [ours, childs] = SocketPair();
  const pid_t child = fork();
  if (child == 0) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0) _exit(1);
    iovec piece = {const_cast<char*>("x"), 1};
    const bool sent =
        SendWithDescriptors(childs.get(), {&piece, 1}, {pair, 2}).error == 0;
    _exit(sent ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  char byte;
  ReceivedDescriptors set;
  ASSERT_EQ(ReceiveWithDescriptors(ours.get(), {{&byte, 1}}, set).bytes, 1);
  ASSERT_EQ(set.fds.size(), 2u);
  Drops(kKnock, {set.fds[0].get()});
}

TEST_F(DatagramDoorTest, DropsOtherBytes) {
  auto [a, b] = SocketPair(SOCK_SEQPACKET);
  for (const std::string& bytes :
       {kKnock.substr(0, 7), kKnock + "x", kKnock + std::string(1000, 'x'),
        std::string("FDRP\1\0\0\0", 8), std::string("FDRD\2\0\0\0", 8),
        std::string("FDRD\1\0\1\0", 8), std::string("x")}) {
    Drops(bytes, {a.get()});
  }
}

TEST_F(DatagramDoorTest, DropsAnEmptyDatagram) {
  ASSERT_EQ(send(stranger_.get(), "", 0, 0), 0);
  EXPECT_EQ(door_->Accept().error, EBADMSG);
  auto [a, b] = SocketPair(SOCK_SEQPACKET);
  Drops("", {a.get()});
}

TEST_F(DatagramDoorTest, DropsAnythingButOneDescriptor) {
  auto [a, b] = SocketPair(SOCK_SEQPACKET);
  Drops(kKnock, {});
  Drops(kKnock, {a.get(), b.get()});
  Drops(kKnock, std::vector<int>(253, a.get()));
}

TEST_F(DatagramDoorTest, DropsWhatIsNoEndOfASeqpacketPair) {
  const auto socket_of = [](int domain, int type) {
    return UniqueFd(socket(domain, type | SOCK_CLOEXEC, 0));
  };
  const auto drops = [this](const UniqueFd& fd) { Drops(kKnock, {fd.get()}); };
  drops(FileWith("x"));
  drops(Pipe().first);
  drops(SocketPair(SOCK_STREAM).first);
  drops(SocketPair(SOCK_DGRAM).first);
  drops(socket_of(AF_UNIX, SOCK_SEQPACKET));
  drops(socket_of(AF_UNIX, SOCK_DGRAM));
  drops(socket_of(AF_INET, SOCK_STREAM));
  drops(UniqueFd(open("/", O_PATH | O_CLOEXEC)));
  // The door itself.
  Drops(kKnock, {door_->fd()});
}

TEST_F(DatagramDoorTest, KnowsTheSenderWhoDoesNotSayWhoItIs) {
  auto [a, b] = SocketPair(SOCK_SEQPACKET);
  Send(kKnock, {a.get()}, /*credentials=*/false);
  EXPECT_EQ(door_->Accept().error, 0) << "the kernel says it";
}

TEST_F(DatagramDoorTest, KnowsWhoKnockedBeforeItsServerCame) {
  // As with a service manager's socket.
  const UnixAddress address =
      *UnixAddress::Parse(dir_.address("managed", "unix-dgram:"));
  UniqueFd bound(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(bind(bound.get(), address.socket_address(), address.length()), 0);
  const absl::StatusOr<UniqueFd> client = ConnectSocket(address);
  ASSERT_TRUE(client.ok()) << client.status();
  absl::StatusOr<InheritedSocket> socket = InspectSocket(std::move(bound));
  ASSERT_TRUE(socket.ok()) << socket.status();
  const absl::StatusOr<SocketListener> door =
      SocketListener::TakeOver(*socket, /*removes_file=*/true);
  ASSERT_TRUE(door.ok()) << door.status();
  EXPECT_EQ(door->Accept().error, 0);
}

// A client whose ids are not mapped cannot attach them.
TEST_F(DatagramDoorTest, KnowsWhoKnocksFromAnotherUserNamespace) {
  constexpr int kRefused = 2;
  const int code = InChild([this] {
    if (unshare(CLONE_NEWUSER) != 0) return kRefused;
    const absl::StatusOr<UniqueFd> client = ConnectSocket(address_);
    if (!client.ok()) std::cerr << client.status() << "\n";
    return client.ok() && client->ok() && send(client->get(), "x", 1, 0) == 1
               ? 0
               : 1;
  });
  if (code == kRefused) {
    GTEST_SKIP() << "this process may not make a user namespace";
  }
  ASSERT_EQ(code, 0);
  const SocketListener::AcceptResult accepted = door_->Accept();
  ASSERT_EQ(accepted.error, 0);
  const absl::StatusOr<PeerCredentials> peer =
      GetPeerCredentials(accepted.socket.get());
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->uid, geteuid());
  EXPECT_EQ(peer->gid, getegid());
  char byte = 0;
  EXPECT_EQ(recv(accepted.socket.get(), &byte, 1, 0), 1);
}

TEST_F(DatagramDoorTest, KnocksOnceMoreWithoutItsIds) {
  for (const size_t failures : {1, 2}) {
    FaultInjection faults(
        FaultInjection::FailFirst("sendmsg", failures, EINVAL));
    const absl::StatusOr<UniqueFd> client = ConnectSocket(address_);
    EXPECT_EQ(faults.CountOf("sendmsg"), 2u);
    EXPECT_EQ(client.ok(), failures == 1) << client.status();
  }
  EXPECT_EQ(door_->Accept().error, 0);
  EXPECT_EQ(door_->Accept().error, EAGAIN);
}

TEST_F(DatagramDoorTest, ADescriptorTooManyEndsThatPairAndNoOther) {
  const absl::StatusOr<UniqueFd> client = ConnectSocket(address_);
  ASSERT_TRUE(client.ok()) << client.status();
  {
    OpenFileLimit limit(0);
    EXPECT_EQ(door_->Accept().error, EMFILE) << "so that it is left alone";
  }
  char byte;
  EXPECT_EQ(recv(client->get(), &byte, 1, 0), 0) << "the client hears of it";
  ExpectOpens();
}

TEST_F(DatagramDoorTest, IsEmptyWhileTheQueueIsFull) {
  std::vector<UniqueFd> waiting;
  while (true) {
    absl::StatusOr<UniqueFd> client = ConnectSocket(address_);
    ASSERT_TRUE(client.ok()) << client.status();
    if (!client->ok()) break;
    waiting.push_back(*std::move(client));
    ASSERT_LT(waiting.size(), 10'000u);
  }
  for (size_t i = 0; i < waiting.size(); ++i) {
    EXPECT_EQ(door_->Accept().error, 0);
  }
  ExpectOpens();
}

TEST_F(DatagramDoorTest, WhoKnocksHearsThatTheDoorIsGone) {
  const absl::StatusOr<UniqueFd> client = ConnectSocket(address_);
  ASSERT_TRUE(client.ok()) << client.status();
  door_.reset();
  char byte;
  EXPECT_EQ(recv(client->get(), &byte, 1, 0), 0);
  EXPECT_EQ(ConnectSocket(address_).status().code(),
            absl::StatusCode::kUnavailable);
  stranger_ = UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const UniqueFd bound(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(bind(bound.get(), address_.socket_address(), address_.length()), 0);
  const_cast<UniqueFd&>(bound).Reset();
  EXPECT_EQ(ConnectSocket(address_).status().code(),
            absl::StatusCode::kUnavailable)
      << "a file that no socket is bound to any more";
}

TEST_F(DatagramDoorTest, SaysWhyItCouldNotKnock) {
  struct Case {
    const char* call;
    int error;
    absl::StatusCode code;
    const char* why;
  };
  for (const Case& failing :
       {Case{"sendmsg", EPERM, absl::StatusCode::kPermissionDenied,
             "SO_PASSRIGHTS"},
        Case{"sendmsg", ECONNREFUSED, absl::StatusCode::kUnavailable,
             "nobody listens"},
        Case{"sendmsg", ETOOMANYREFS, absl::StatusCode::kResourceExhausted,
             "in flight"},
        Case{"sendmsg", ENOBUFS, absl::StatusCode::kResourceExhausted,
             "sendmsg"},
        Case{"socketpair", EMFILE, absl::StatusCode::kResourceExhausted,
             "socketpair"},
        Case{"connect", EACCES, absl::StatusCode::kPermissionDenied,
             "connect"}}) {
    FaultInjection faults([&](std::string_view name, size_t) {
      return FaultInjection::Fault{.error = name == failing.call ? failing.error
                                                                 : 0};
    });
    const absl::Status status = ConnectSocket(address_).status();
    EXPECT_EQ(status.code(), failing.code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(failing.why));
  }
}

TEST_F(DatagramDoorTest, HoldsItsAddressAndItsFileAsListenersDo) {
  EXPECT_EQ(SocketListener::Listen(address_).status().code(),
            absl::StatusCode::kAlreadyExists);
  const UnixAddress stream = *UnixAddress::Parse(dir_.address("door"));
  EXPECT_EQ(SocketListener::Listen(stream).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ConnectSocket(stream).status().code(),
            absl::StatusCode::kFailedPrecondition);
  absl::StatusOr<UniqueFd> another = door_->Duplicate();
  ASSERT_TRUE(another.ok());
  door_->LeaveFile();
  absl::StatusOr<InheritedSocket> socket = InspectSocket(*std::move(another));
  ASSERT_TRUE(socket.ok());
  absl::StatusOr<SocketListener> successor =
      SocketListener::TakeOver(*socket, /*removes_file=*/true);
  ASSERT_TRUE(successor.ok()) << successor.status();
  door_.reset();
  door_.emplace(*std::move(successor));
  ExpectOpens();
  door_.reset();
  EXPECT_NE(access(address_.path(), F_OK), 0);
}

}  // namespace
}  // namespace fdrpc::testing
