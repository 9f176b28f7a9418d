// Who may launch, and as whom: fdrpc-launcher with callers of several users.
#include "services/launcher/launch_policy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "fdrpc/channel.h"
#include "fdrpc/launcher/v1/launcher.fdrpc.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/launcher/launcher.h"
#include "tests/services/program/program.h"
#include "tests/support/child.h"
#include "tests/support/files.h"

namespace fdrpc::launcher {
namespace {

using ::testing::HasSubstr;
using testing::Script;

// A user of its own, which is not in the user database.
constexpr uid_t kCaller = 1'234'567;
constexpr gid_t kCallersGroup = 1'234'568;

// Runs `body` with a stub, as that user.
void AsCaller(const testing::Launcher& launcher,
              const std::function<void(v1::Launcher::Stub&)>& body) {
  const int result = testing::InChild([&] {
    if (setgid(kCallersGroup) != 0 || setuid(kCaller) != 0) return 1;
    const auto channel = Channel::Connect(launcher.address());
    EXPECT_TRUE(channel.ok()) << channel.status();
    v1::Launcher::Stub stub(*channel);
    body(stub);
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(result, 0);
}

// What "id" says in a process of this request.
std::string IdOf(v1::Launcher::Stub& stub, const v1::User* user = nullptr) {
  auto [output, write_end] = testing::Pipe();
  Parcel<v1::LaunchRequest> request =
      Script("echo $(id -u) $(id -g) $(id -G)", write_end.get());
  if (user != nullptr) *request->mutable_user() = *user;
  write_end.Reset();
  const absl::Status status = stub.Run(std::move(request)).Finish();
  return status.ok() ? testing::ReadRest(output.get()) : status.ToString();
}

v1::User User(uid_t uid) {
  v1::User user;
  user.set_uid(uid);
  return user;
}

class LaunchPolicyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can become other users";
  }
};

TEST_F(LaunchPolicyTest, OnlyRootAndTheLaunchersUserMayLaunch) {
  testing::Launcher launcher;
  AsCaller(launcher, [](v1::Launcher::Stub& stub) {
    const absl::Status status = stub.Launch(Script(":")).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("user 1234567 may not launch here"));
  });
}

TEST_F(LaunchPolicyTest, RootMayLaunchAsAnotherUserWithGroups) {
  testing::Launcher launcher;
  const auto channel = Channel::Connect(launcher.address());
  ASSERT_TRUE(channel.ok());
  v1::Launcher::Stub stub(*channel);
  EXPECT_EQ(IdOf(stub), "0 0 0\n");
  v1::User user = User(kCaller);
  EXPECT_THAT(IdOf(stub, &user), HasSubstr("NOT_FOUND"));
  user.set_gid(77);
  user.add_groups(88);
  EXPECT_EQ(IdOf(stub, &user), "1234567 77 77 88\n");
  // "nobody" is in the database.
  user = User(65534);
  EXPECT_THAT(IdOf(stub, &user), HasSubstr("65534 65534"));
}

TEST_F(LaunchPolicyTest, ProcessesRunAsTheirCallerWhoMayNotBeAnother) {
  testing::Launcher launcher(
      {"--as-caller", "--allow", std::to_string(kCaller)});
  AsCaller(launcher, [](v1::Launcher::Stub& stub) {
    EXPECT_EQ(IdOf(stub), "1234567 1234568 1234568\n");
    v1::User user = User(kCaller);
    EXPECT_EQ(IdOf(stub, &user), "1234567 1234568 1234568\n");
    user.set_gid(0);
    EXPECT_THAT(IdOf(stub, &user), HasSubstr("only root may choose the group"));
    user = User(0);
    EXPECT_THAT(IdOf(stub, &user),
                HasSubstr("only root may launch as another"));
    Parcel<v1::LaunchRequest> request = Script(":");
    request->add_limits()->set_resource(v1::RESOURCE_OPEN_FILES);
    EXPECT_THAT(stub.Launch(std::move(request)).status().ToString(),
                HasSubstr("PERMISSION_DENIED: limits[0]"));
  });
}

TEST_F(LaunchPolicyTest, OnlyItsUserMayWatchAProcess) {
  testing::Launcher launcher(
      {"--as-caller", "--allow", std::to_string(kCaller)});
  const auto channel = Channel::Connect(launcher.address());
  ASSERT_TRUE(channel.ok());
  v1::Launcher::Stub stub(*channel);
  auto launched = stub.Launch(Script(":"));
  ASSERT_TRUE(launched.ok()) << launched.status();
  v1::WatchRequest watch;
  watch.set_id((*launched)->id());
  AsCaller(launcher, [&](v1::Launcher::Stub& theirs) {
    EXPECT_EQ(theirs.Watch(watch).Finish().code(),
              absl::StatusCode::kPermissionDenied);
  });
  EXPECT_TRUE(stub.Watch(watch).Finish().ok());
}

TEST_F(LaunchPolicyTest, ALauncherGivesRootsRightsToNobody) {
  const testing::Ending ending =
      testing::Run({FDRPC_LAUNCHER_PROGRAM, "--listen", "unix:@unused",
                    "--allow", "nobody"});
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_THAT(ending.errors, HasSubstr("give it --as-caller"));
}

TEST(LaunchPolicyOptionsTest, RunningAsTheCallerTakesRoot) {
  const int result = testing::InChild([] {
    testing::BecomeUnprivileged();
    const absl::Status status =
        LaunchPolicy::Create({.allowed = {}, .as_caller = true}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_TRUE(LaunchPolicy::Create({.allowed = {1}}).ok());
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(result, 0);
}

// The system calls take it for "no change".
TEST(LaunchPolicyOptionsTest, TheHighestNumberIsNoUserAndNoGroup) {
  constexpr uint32_t kHighest = 4'294'967'295;
  const absl::StatusOr<LaunchPolicy> policy = LaunchPolicy::Create({});
  ASSERT_TRUE(policy.ok()) << policy.status();
  v1::User users[3] = {User(kHighest), User(1), User(1)};
  users[1].set_gid(kHighest);
  users[2].set_gid(1);
  users[2].add_groups(kHighest);
  for (const v1::User& user : users) {
    const absl::Status status = policy->UserFor({}, &user).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("user: 4294967295"));
  }
}

TEST(LauncherProgramTest, EachWrongUseHasOneClearError) {
  const struct {
    std::vector<std::string> words;
    const char* error;
  } table[] = {
      {{}, "--listen ADDRESS is missing"},
      {{"--listen", "unix:@x", "operand"}, "it takes options only"},
      {{"--listen", "unix:@x", "--", "command"}, "it takes options only"},
      {{"--listen", "unix:@x", "--allow", "no such user"},
       "--allow: there is no user no such user"},
      {{"--listen", "unix:@x", "--allow", "4294967295"},
       "--allow: 4294967295 is no user"},
      {{"--listen", "unix:@x", "--max-processes", "0"},
       "--max-processes 0 is not a number from 1 on"},
      {{"--listen", "unix:@x", "--socket-mode", "9"}, "9"},
  };
  for (const auto& row : table) {
    std::vector<std::string> words = {FDRPC_LAUNCHER_PROGRAM};
    words.insert(words.end(), row.words.begin(), row.words.end());
    const testing::Ending ending = testing::Run(words);
    EXPECT_EQ(ending.exit_status, 2);
    EXPECT_THAT(ending.errors, HasSubstr(row.error));
    EXPECT_THAT(ending.errors, HasSubstr("Try fdrpc-launcher --help"));
  }
}

}  // namespace
}  // namespace fdrpc::launcher
