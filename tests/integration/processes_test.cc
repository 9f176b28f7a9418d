// Client and server as two processes, as in practice.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "fdrpc/channel.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/raw_peer.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

class ProcessesTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Over, ProcessesTest, kAllSchemes, SchemeName);

TEST_P(ProcessesTest, TenThousandCallsLeaveNoDescriptorOpenOnEitherSide) {
  ExpectSameDescriptors at_the_end;
  TempDir dir;
  ServerProcess server(dir.address("socket", GetParam()));
  TestService::Stub stub(*Channel::Connect(dir.address("socket", GetParam())));
  ASSERT_TRUE(stub.Echo(Text()).ok());
  const DescriptorCensus client_before = TakeCensus();
  const DescriptorCensus server_before = TakeCensusOf(server.pid());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2500; ++i) {
        Parcel<Files> request;
        request.add_files(FileWith("a"));
        request.set_first(FileWith("b"));
        absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
        ASSERT_TRUE(reply.ok()) << reply.status();
        ASSERT_EQ(reply->files_size(), 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(TakeCensusExpecting(client_before), client_before);
  EXPECT_EQ(TakeCensusOfExpecting(server.pid(), server_before), server_before);
}

TEST_P(ProcessesTest, SharesOneOpenFileDescriptionWithTheServer) {
  ExpectSameDescriptors at_the_end;
  TempDir dir;
  ServerProcess server(dir.address("socket", GetParam()));
  TestService::Stub stub(*Channel::Connect(dir.address("socket", GetParam())));
  SharedFd file(FileWith("0123456789"));
  Parcel<Files> request;
  request.set_first(file);
  absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
  ASSERT_TRUE(reply.ok()) << reply.status();
  UniqueFd returned = reply->take_first();
  char half[5];
  ASSERT_EQ(read(returned.get(), half, 5), 5);
  EXPECT_EQ(ReadRest(file.get()), "56789") << "the offset is not shared";
}

TEST_P(ProcessesTest, AServerThatIsKilledEndsEveryCallAndIsReplaced) {
  ExpectSameDescriptors at_the_end;
  TempDir dir;
  for (int round = 0; round < 20; ++round) {
    ServerProcess server(dir.address("socket", GetParam()));
    TestService::Stub stub(
        *Channel::Connect(dir.address("socket", GetParam())));
    std::vector<std::thread> threads;
    std::latch running(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        EXPECT_TRUE(stub.Echo(Text()).ok());
        running.count_down();
        absl::Status status;
        do {
          Parcel<Files> request;
          request.set_first(FileWith("x"));
          status = stub.Exchange(std::move(request)).status();
        } while (status.ok());
        EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
      });
    }
    running.wait();
    EXPECT_EQ(server.Stop(SIGKILL), -SIGKILL);
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_P(ProcessesTest,
       KeepAliveFindsAServerThatIsStoppedAndTheNextCallOneThatGoesOn) {
  ExpectSameDescriptors at_the_end;
  TempDir dir;
  ServerProcess server(dir.address("socket", GetParam()));
  TestService::Stub stub(
      *Channel::Connect(dir.address("socket", GetParam()),
                        {.keepalive_interval = absl::Milliseconds(10),
                         .keepalive_timeout = absl::Milliseconds(300)}));
  // Before its hello, and after.
  for (int round = 0; round < 2; ++round) {
    kill(server.pid(), SIGSTOP);
    int status = 0;
    ASSERT_EQ(waitpid(server.pid(), &status, WUNTRACED), server.pid());
    ASSERT_TRUE(WIFSTOPPED(status));
    const absl::Status hung = stub.Echo(Text()).status();
    EXPECT_EQ(hung.code(), absl::StatusCode::kUnavailable) << hung;
    kill(server.pid(), SIGCONT);
    const absl::Status lives = stub.Echo(Text()).status();
    EXPECT_TRUE(lives.ok()) << lives;
  }
}

TEST_P(ProcessesTest, ExitsCleanlyAtSigtermAndRemovesItsSocket) {
  TempDir dir;
  ServerProcess server(dir.address("socket", GetParam()));
  EXPECT_EQ(access(dir.file("socket").c_str(), F_OK), 0);
  // Once it answers, it is in Run() and handles the signal.
  TestService::Stub stub(*Channel::Connect(dir.address("socket", GetParam())));
  ASSERT_TRUE(stub.Echo(Text()).ok());
  EXPECT_EQ(server.Stop(SIGTERM), 0);
  EXPECT_NE(access(dir.file("socket").c_str(), F_OK), 0);
}

TEST_P(ProcessesTest, MakingBlockingCallsStartsNoThread) {
  TempDir dir;
  ServerProcess server(dir.address("socket", GetParam()));
  auto threads = [](pid_t pid) {
    int count = 0;
    const std::string path = "/proc/" + std::to_string(pid) + "/task";
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(path)) {
      ++count;
    }
    return count;
  };
  const int before = threads(getpid());
  absl::StatusOr<Channel> channel =
      Channel::Connect(dir.address("socket", GetParam()));
  ASSERT_TRUE(channel->WaitForReady(absl::Seconds(10)).ok());
  TestService::Stub stub(*channel);
  ASSERT_TRUE(stub.Echo(Text(), {.timeout = absl::Seconds(10)}).ok());
  EXPECT_EQ(threads(getpid()), before);
}

}  // namespace
}  // namespace fdrpc::testing
