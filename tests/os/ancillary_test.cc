// One set of descriptors through one real socket.

#include "os/ancillary.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/open_file_limit.h"

namespace fdrpc::testing {
namespace {

class AncillaryTest : public ::testing::Test {
 protected:
  AncillaryTest() { std::tie(sender_, receiver_) = SocketPair(); }

  IoResult Send(const std::string& bytes, const std::vector<int>& fds) {
    const iovec piece = {.iov_base = const_cast<char*>(bytes.data()),
                         .iov_len = bytes.size()};
    return SendWithDescriptors(sender_.get(), {&piece, 1}, fds);
  }
  IoResult Receive(ReceivedDescriptors& descriptors, size_t most = 4096) {
    bytes_.resize(most);
    const iovec piece = {.iov_base = bytes_.data(), .iov_len = most};
    const IoResult result =
        ReceiveWithDescriptors(receiver_.get(), {&piece, 1}, descriptors);
    bytes_.resize(result.error == 0 ? result.bytes : 0);
    return result;
  }

  ExpectSameDescriptors census_;
  UniqueFd sender_;
  UniqueFd receiver_;
  std::string bytes_;  // what Receive() got
};

std::vector<UniqueFd> NumberedFiles(int count) {
  std::vector<UniqueFd> files;
  for (int i = 0; i < count; ++i) files.push_back(FileWith(std::to_string(i)));
  return files;
}

std::vector<int> NumbersOf(const std::vector<UniqueFd>& fds) {
  std::vector<int> numbers;
  for (const UniqueFd& fd : fds) numbers.push_back(fd.get());
  return numbers;
}

class AncillaryCountTest : public AncillaryTest,
                           public ::testing::WithParamInterface<int> {};

// Odd numbers are padded in the control message, even ones are not.
INSTANTIATE_TEST_SUITE_P(Counts, AncillaryCountTest,
                         ::testing::Values(0, 1, 2, 3, 4, 5, 252, 253));

TEST_P(AncillaryCountTest, ArrivesInOrderAndCloseOnExec) {
  const std::vector<UniqueFd> files = NumberedFiles(GetParam());
  EXPECT_EQ(Send("bytes", NumbersOf(files)).bytes, 5);
  ReceivedDescriptors received;
  EXPECT_EQ(Receive(received).bytes, 5);
  EXPECT_EQ(bytes_, "bytes");
  EXPECT_FALSE(received.truncated);
  ASSERT_EQ(received.fds.size(), files.size());
  for (size_t i = 0; i < files.size(); ++i) {
    EXPECT_TRUE(SameDescription(received.fds[i].get(), files[i].get())) << i;
    EXPECT_TRUE(HasCloseOnExec(received.fds[i].get())) << i;
  }
}

TEST_P(AncillaryCountTest, ArrivesBesideCredentials) {
  const int on = 1;
  ASSERT_EQ(
      setsockopt(receiver_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
  const std::vector<UniqueFd> files = NumberedFiles(GetParam());
  EXPECT_EQ(Send("bytes", NumbersOf(files)).bytes, 5);
  ReceivedDescriptors received;
  EXPECT_EQ(Receive(received).bytes, 5);
  EXPECT_FALSE(received.truncated);
  EXPECT_EQ(received.fds.size(), files.size());
}

TEST_P(AncillaryCountTest, ClosesWhenNobodyReceivesIt) {
  EXPECT_EQ(Send("bytes", NumbersOf(NumberedFiles(GetParam()))).bytes, 5);
  sender_.Reset();
  receiver_.Reset();
}

TEST_F(AncillaryTest, SenderMayCloseRightAfterSending) {
  UniqueFd file = FileWith("content");
  EXPECT_EQ(Send("x", {file.get()}).bytes, 1);
  file.Reset();
  ReceivedDescriptors received;
  EXPECT_EQ(Receive(received).bytes, 1);
  ASSERT_EQ(received.fds.size(), 1u);
  EXPECT_EQ(ReadRest(received.fds[0].get()), "content");
}

TEST_F(AncillaryTest, OneReadBringsOneSetWithTheBytesBeforeIt) {
  const std::vector<UniqueFd> files = NumberedFiles(3);
  EXPECT_EQ(Send("plain", {}).bytes, 5);
  EXPECT_EQ(Send("first", {files[0].get()}).bytes, 5);
  EXPECT_EQ(Send("second", {files[1].get(), files[2].get()}).bytes, 6);
  EXPECT_EQ(Send("plain", {}).bytes, 5);
  ReceivedDescriptors received;
  Receive(received);
  EXPECT_EQ(bytes_, "plainfirst");
  EXPECT_EQ(received.fds.size(), 1u);
  received.fds.clear();
  Receive(received);
  EXPECT_EQ(bytes_, "second");
  EXPECT_EQ(received.fds.size(), 2u);
  received.fds.clear();
  Receive(received);
  EXPECT_EQ(bytes_, "plain");
  EXPECT_TRUE(received.fds.empty());
}

TEST_F(AncillaryTest, TheSetComesWithItsFirstByte) {
  UniqueFd file = FileWith("");
  EXPECT_EQ(Send("abc", {file.get()}).bytes, 3);
  ReceivedDescriptors received;
  EXPECT_EQ(Receive(received, 1).bytes, 1);
  EXPECT_EQ(received.fds.size(), 1u);
  ReceivedDescriptors none;
  EXPECT_EQ(Receive(none).bytes, 2);
  EXPECT_TRUE(none.fds.empty());
}

TEST_F(AncillaryTest, SendsPiecesAsOne) {
  UniqueFd file = FileWith("");
  std::string first = "one ", second = "two";
  const iovec pieces[] = {{first.data(), first.size()},
                          {nullptr, 0},
                          {second.data(), second.size()}};
  const int fd = file.get();
  EXPECT_EQ(SendWithDescriptors(sender_.get(), pieces, {&fd, 1}).bytes, 7);
  ReceivedDescriptors received;
  Receive(received);
  EXPECT_EQ(bytes_, "one two");
  EXPECT_EQ(received.fds.size(), 1u);
}

TEST_F(AncillaryTest, AddsToWhatWasReceivedBefore) {
  UniqueFd file = FileWith("");
  Send("x", {file.get()});
  Send("y", {file.get()});
  ReceivedDescriptors received;
  Receive(received);
  Receive(received);
  EXPECT_EQ(received.fds.size(), 2u);
}

using AncillaryDeathTest = AncillaryTest;

TEST_F(AncillaryDeathTest, MoreThanTheKernelTakesIsAnErrorOfTheCaller) {
  const std::vector<int> fds(kMaxDescriptorsPerSend + 1, sender_.get());
  EXPECT_DEATH(Send("x", fds), "more descriptors than one sendmsg takes");
}

TEST_F(AncillaryTest, ADescriptorThatIsNotOpenSendsNothing) {
  UniqueFd file = FileWith("");
  int closed = FileWith("").get();
  for (const std::vector<int>& fds :
       {std::vector<int>{closed}, {file.get(), closed}, {-1}}) {
    const IoResult result = Send("bytes", fds);
    EXPECT_EQ(result.error, EBADF);
    EXPECT_EQ(result.bytes, 0);
  }
  ReceivedDescriptors received;
  EXPECT_EQ(Receive(received).error, EAGAIN);
  EXPECT_EQ(Send("after", {file.get()}).bytes, 5);
  EXPECT_EQ(Receive(received).bytes, 5);
}

TEST_F(AncillaryTest, AtTheLimitOfOpenFilesNothingIsInstalledAndItSaysSo) {
  const std::vector<UniqueFd> files = NumberedFiles(3);
  EXPECT_EQ(Send("bytes", NumbersOf(files)).bytes, 5);
  ReceivedDescriptors received;
  {
    OpenFileLimit limit(0);
    EXPECT_EQ(Receive(received).bytes, 5);
  }
  EXPECT_EQ(bytes_, "bytes") << "the bytes arrive all the same";
  EXPECT_TRUE(received.truncated);
  EXPECT_TRUE(received.fds.empty());
}

TEST_F(AncillaryTest, NearTheLimitOfOpenFilesThePrefixIsOwnedAndItSaysSo) {
  const std::vector<UniqueFd> files = NumberedFiles(5);
  for (int room : {1, 2, 4}) {
    EXPECT_EQ(Send("bytes", NumbersOf(files)).bytes, 5);
    ReceivedDescriptors received;
    {
      OpenFileLimit limit(room);
      EXPECT_EQ(Receive(received).bytes, 5);
    }
    EXPECT_TRUE(received.truncated);
    ASSERT_EQ(received.fds.size(), static_cast<size_t>(room));
    for (int i = 0; i < room; ++i) {
      EXPECT_TRUE(SameDescription(received.fds[i].get(), files[i].get()));
    }
  }
}

TEST_F(AncillaryTest, AtTheLimitWithJustEnoughRoomAllArrive) {
  const std::vector<UniqueFd> files = NumberedFiles(5);
  Send("bytes", NumbersOf(files));
  ReceivedDescriptors received;
  OpenFileLimit limit(5);
  Receive(received);
  EXPECT_FALSE(received.truncated);
  EXPECT_EQ(received.fds.size(), 5u);
}

TEST_F(AncillaryTest, ASignalInterruptsNeitherDirection) {
  UniqueFd file = FileWith("");
  FaultInjection faults([](std::string_view, size_t index) {
    return FaultInjection::Fault{.error = index < 3 ? EINTR : 0};
  });
  EXPECT_EQ(Send("bytes", {file.get()}).bytes, 5);
  ReceivedDescriptors received;
  EXPECT_EQ(Receive(received).bytes, 5);
  EXPECT_EQ(received.fds.size(), 1u);
  EXPECT_EQ(faults.CountOf("sendmsg"), 4u);
  EXPECT_EQ(faults.CountOf("recvmsg"), 4u);
}

TEST_F(AncillaryTest, AShortSendTakesTheWholeSet) {
  const std::vector<UniqueFd> files = NumberedFiles(3);
  FaultInjection faults([](std::string_view, size_t) {
    return FaultInjection::Fault{.most_bytes = 1};
  });
  EXPECT_EQ(Send("bytes", NumbersOf(files)).bytes, 1);
  ReceivedDescriptors received;
  EXPECT_EQ(Receive(received).bytes, 1);
  EXPECT_EQ(received.fds.size(), 3u);
}

TEST_F(AncillaryTest, NeitherDirectionBlocks) {
  // Also on a blocking socket: the calls themselves do not wait.
  for (const UniqueFd* fd : {&sender_, &receiver_}) {
    ASSERT_EQ(fcntl(fd->get(), F_SETFL, 0), 0);
  }
  ReceivedDescriptors received;
  EXPECT_EQ(Receive(received).error, EAGAIN);
  UniqueFd file = FileWith("");
  const std::string bytes(64 << 10, 'x');
  IoResult result;
  while (result.error == 0) result = Send(bytes, {file.get()});
  EXPECT_EQ(result.error, EAGAIN);
}

TEST_F(AncillaryTest, ReadsTheEndOfTheStream) {
  Send("last", {});
  sender_.Reset();
  ReceivedDescriptors received;
  EXPECT_EQ(Receive(received).bytes, 4);
  const IoResult end = Receive(received);
  EXPECT_EQ(end.bytes, 0);
  EXPECT_EQ(end.error, 0);
}

TEST_F(AncillaryTest, SendingToAPeerThatIsGoneIsAnErrorNotASignal) {
  UniqueFd file = FileWith("");
  receiver_.Reset();
  EXPECT_EQ(Send("bytes", {file.get()}).error, EPIPE);
  EXPECT_EQ(Send("bytes", {}).error, EPIPE);
}

TEST_F(AncillaryTest, CarriesItsOwnSocketWithoutALeak) {
  Send("bytes", {sender_.get(), receiver_.get()});
  ReceivedDescriptors received;
  Receive(received);
  ASSERT_EQ(received.fds.size(), 2u);
  EXPECT_TRUE(SameDescription(received.fds[0].get(), sender_.get()));
}

}  // namespace
}  // namespace fdrpc::testing
