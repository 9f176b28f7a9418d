// What one user may have of fdrpc-launcher.
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/channel.h"
#include "fdrpc/launcher/v1/launcher.fdrpc.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/launcher/launcher.h"
#include "tests/support/files.h"

namespace fdrpc::launcher {
namespace {

using ::testing::HasSubstr;
using testing::Pipe;
using testing::Script;

using Events = ClientReader<Parcel<v1::ProcessEvent>>;

TEST(LaunchLimitsTest, AUserHasAsManyWatchesAsProcesses) {
  testing::Launcher launcher({"--max-processes", "2"});
  const auto channel = Channel::Connect(launcher.address());
  ASSERT_TRUE(channel.ok());
  v1::Launcher::Stub stub(*channel);
  auto [input, hold] = Pipe();
  Parcel<v1::LaunchRequest> request = Script("exec cat");
  testing::Give(request, input.get(), 0);
  const auto launched = stub.Launch(std::move(request));
  ASSERT_TRUE(launched.ok()) << launched.status();
  v1::WatchRequest watch;
  watch.set_id((*launched)->id());
  Events first = stub.Watch(watch);
  EXPECT_TRUE(first.Read().has_value());
  {
    Events second = stub.Watch(watch);
    EXPECT_TRUE(second.Read().has_value());
    const absl::Status status = stub.Watch(watch).Finish();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(status.message()), HasSubstr("has 2 watches"));
  }
  while (!stub.Watch(watch).Read().has_value()) std::this_thread::yield();
  hold.Reset();
  EXPECT_TRUE(first.Read().has_value());
  EXPECT_TRUE(first.Finish().ok());
}

TEST(LaunchLimitsTest, AUserHasAsManyProcessesAsIsAllowed) {
  testing::Launcher launcher({"--max-processes", "2"});
  const auto channel = Channel::Connect(launcher.address());
  ASSERT_TRUE(channel.ok());
  v1::Launcher::Stub stub(*channel);
  for (int round = 0; round < 2; ++round) {
    auto [input, hold] = Pipe();
    Parcel<v1::LaunchRequest> requests[2];
    for (Parcel<v1::LaunchRequest>& request : requests) {
      request = Script("exec cat");
      testing::Give(request, input.get(), 0);
    }
    Events first = stub.Run(std::move(requests[0]));
    Events second = stub.Run(std::move(requests[1]));
    EXPECT_TRUE(first.Read().has_value());
    EXPECT_TRUE(second.Read().has_value());
    EXPECT_EQ(stub.Run(Script(":")).Finish().code(),
              absl::StatusCode::kResourceExhausted);
    // Until they are reaped.
    first.Cancel();
    second.Cancel();
    while (!testing::ChildrenOf(launcher.program().pid()).empty()) {
      std::this_thread::yield();
    }
  }
}

// More than execve(2) takes.
TEST(LaunchLimitsTest, ManyVariables) {
  testing::Launcher launcher;
  const auto channel = Channel::Connect(launcher.address());
  ASSERT_TRUE(channel.ok());
  v1::Launcher::Stub stub(*channel);
  Parcel<v1::LaunchRequest> request = Script(":");
  for (int i = 0; i < 20'000; ++i) {
    v1::Variable& variable = *request->add_environment();
    variable.set_name(std::to_string(i));
    variable.set_value(std::string(120, 'x'));
  }
  const absl::Status status = stub.Run(std::move(request)).Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("are too long"));
}

}  // namespace
}  // namespace fdrpc::launcher
