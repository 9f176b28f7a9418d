// fork(2) in a process with channels and servers: the child's calls fail
// clearly, and the parent goes on unharmed.

#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

TEST(ForkTest, AChildsCallsFailAndTheParentsGoOn) {
  ExpectSameDescriptors census;
  TempDir dir;
  FakeService service;
  auto server = std::make_unique<Server>();
  server->AddService(service);
  ASSERT_TRUE(server->Listen(dir.address()).ok());
  ASSERT_TRUE(server->Start().ok());
  absl::StatusOr<Channel> channel = Channel::Connect(dir.address());
  ASSERT_TRUE(channel.ok());
  auto stub = std::make_unique<TestService::Stub>(*channel);
  ASSERT_TRUE(stub->Echo(Text()).ok());

  const pid_t child = fork();
  if (child == 0) {
    const absl::StatusCode code = stub->Echo(Text()).status().code();
    // What the child inherited can be destroyed, and a new channel works.
    stub.reset();
    channel = Channel::Connect(dir.address());
    const bool anew = TestService::Stub(*channel).Echo(Text()).ok();
    server.reset();
    _exit(code != absl::StatusCode::kFailedPrecondition ? 1 : anew ? 0 : 2);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  absl::StatusOr<Text> reply = stub->Echo(Text());
  EXPECT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(
      TestService::Stub(*Channel::Connect(dir.address())).Echo(Text()).ok())
      << "the parent's socket file is gone";
}

}  // namespace
}  // namespace fdrpc::testing
