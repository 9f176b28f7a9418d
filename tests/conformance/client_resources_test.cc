// Limits of a client's process and of the kernel: only what exceeds them fails,
// and it works again once there is room.

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "tests/conformance/attacked_channel.h"
#include "tests/conformance/full_descriptor_table.h"
#include "tests/support/child.h"
#include "tests/support/fault_injection.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class ClientResourcesTest : public AttackedChannel {
 protected:
  void ExpectFailsOnlyTheCall(size_t room) {
    std::future<absl::StatusOr<Text>> first = Echo();
    RawPeer server = Accept();
    ASSERT_TRUE(server.Send(ReplyFrame(ReadCall(server), TextBytes("x"))));
    ASSERT_TRUE(first.get().ok());
    {
      const FullDescriptorTable full(room);
      const size_t before = TakeCensus().size();
      for (int i = 0; i < 50; ++i) {
        std::future<absl::StatusOr<Parcel<Files>>> reply = Get();
        ASSERT_TRUE(server.Send(
            ReplyFrame(ReadCall(server), FilesBytes({1, 2, 3, 4, 5}), 5),
            Fds(5)));
        const absl::Status status = reply.get().status();
        ASSERT_EQ(status.code(), Code::kResourceExhausted) << status;
        EXPECT_THAT(std::string(status.message()), HasSubstr("RLIMIT_NOFILE"));
      }
      EXPECT_EQ(TakeCensus().size(), before);
    }
    std::future<absl::StatusOr<Parcel<Files>>> reply = Get();
    ASSERT_TRUE(server.Send(
        ReplyFrame(ReadCall(server), FilesBytes({1, 2, 3, 4, 5}), 5), Fds(5)));
    EXPECT_TRUE(reply.get().ok());
    ExpectLives(server);
  }
};
INSTANTIATE_TEST_SUITE_P(Over, ClientResourcesTest, kAllSchemes, SchemeName);

TEST_P(ClientResourcesTest, NoRoomForAnyDescriptorFailsOnlyTheCall) {
  ExpectFailsOnlyTheCall(1);
}

TEST_P(ClientResourcesTest, RoomForSomeOfTheDescriptorsFailsOnlyTheCall) {
  ExpectFailsOnlyTheCall(3);
}

TEST_P(ClientResourcesTest, NoRoomForASocketFailsTheCallAndPasses) {
  {
    const FullDescriptorTable full(0);
    absl::StatusOr<Text> reply = stub_.Echo(Text());
    EXPECT_EQ(reply.status().code(), Code::kResourceExhausted)
        << reply.status();
  }
  ExpectRecovers();
}

TEST_P(ClientResourcesTest, ARequestThatTheKernelRefusesFailsAlone) {
  std::future<absl::StatusOr<Text>> first = Put(1);
  RawPeer server = Accept();
  ASSERT_TRUE(server.Send(ReplyFrame(ReadCall(server), TextBytes("x"))));
  ASSERT_TRUE(first.get().ok());
  for (int error : {ETOOMANYREFS, ENOBUFS, ENOMEM}) {
    const FaultInjection faults(FaultInjection::FailFirst("sendmsg", 1, error));
    absl::StatusOr<Text> reply = Put(2).get();
    EXPECT_EQ(reply.status().code(), Code::kResourceExhausted)
        << reply.status();
    std::future<absl::StatusOr<Text>> next = Put(2);
    ASSERT_TRUE(server.Send(ReplyFrame(ReadCall(server), TextBytes("x"))));
    EXPECT_TRUE(next.get().ok());
  }
}

TEST_P(ClientResourcesTest, ARequestsDescriptorThatIsNotOpenFailsAlone) {
  std::future<absl::StatusOr<Text>> first = Put(1);
  RawPeer server = Accept();
  ASSERT_TRUE(server.Send(ReplyFrame(ReadCall(server), TextBytes("x"))));
  ASSERT_TRUE(first.get().ok());
  Parcel<Files> request;
  request.add_files(file_);
  request.set_first(FileWith("x"));
  close(request.first());
  absl::StatusOr<Text> reply = stub_.Put(std::move(request));
  EXPECT_EQ(reply.status().code(), Code::kInvalidArgument) << reply.status();
  ExpectLives(server);
}

// In a separate process, which may give up its privileges.
TEST_P(ClientResourcesTest, TooManyDescriptorsInFlightFailAloneAndPass) {
  if (getuid() != 0) GTEST_SKIP() << "needs root to become another user";
  ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(dir_.file("socket").c_str(), 0777), 0);
  std::fflush(nullptr);
  const pid_t child = Fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const rlimit lowered = {.rlim_cur = 100, .rlim_max = 100};
    if (setrlimit(RLIMIT_NOFILE, &lowered) != 0) _exit(2);
    BecomeUnprivileged();
    // Channels are not inherited.
    stub_ = NewStub();
    std::future<absl::StatusOr<Text>> first = Echo();
    RawPeer server = Accept();
    server.Send(ReplyFrame(ReadCall(server), TextBytes("x")));
    EXPECT_TRUE(first.get().ok());
    // More than the limit, which the kernel counts by user, elsewhere.
    auto [here, there] = SocketPair();
    RawPeer elsewhere(std::move(here));
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(elsewhere.Send("x", std::vector<int>(35, file_.get())));
    }
    const absl::Status refused = Put(35).get().status();
    EXPECT_EQ(refused.code(), Code::kResourceExhausted) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("ETOOMANYREFS"));
    std::future<absl::StatusOr<Text>> without = Echo();
    server.Send(ReplyFrame(ReadCall(server), TextBytes("x")));
    EXPECT_TRUE(without.get().ok());
    there.Reset();  // and the content of its queue
    std::future<absl::StatusOr<Text>> again = Put(35);
    server.Send(ReplyFrame(ReadCall(server), TextBytes("x")));
    EXPECT_TRUE(again.get().ok());
    std::fflush(nullptr);
    _exit(HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace fdrpc::testing
