// Services under load while their processes and the host are replaced.
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/host/running_host.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/schemes.h"

namespace fdrpc::host {
namespace {

using ::testing::IsEmpty;
using testing::RunningHost;
using testing::TestService;
using testing::Text;
using testing::TextOf;
using v1::ServiceStatus;

// FDRPC_HOST_REPLACEMENTS may ask for more.
int Replacements() {
  const char* const number = std::getenv("FDRPC_HOST_REPLACEMENTS");
  return number == nullptr ? 20 : std::atoi(number);
}

// Threads that call a service all the time: some over one channel, some over a
// new one for each call.
class Load {
 public:
  explicit Load(const std::string& address) : address_(address) {
    for (int i = 0; i < 2; ++i) {
      threads_.emplace_back([this] { CallOverOneChannel(); });
      threads_.emplace_back([this] { CallOverNewChannels(); });
    }
  }
  ~Load() { Stop(); }

  void Stop() {
    stopped_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  // After Stop().
  const std::vector<std::string>& errors() const { return errors_; }
  int calls() const { return calls_; }

 private:
  void Call(const absl::StatusOr<Channel>& channel) {
    const auto reply = TestService::Stub(*channel).Echo(TextOf("x"));
    ++calls_;
    if (reply.ok()) return;
    const absl::MutexLock lock(&mutex_);
    errors_.push_back(reply.status().ToString());
  }
  void CallOverOneChannel() {
    const auto channel = Channel::Connect(address_);
    while (!stopped_) Call(channel);
  }
  void CallOverNewChannels() {
    while (!stopped_) Call(Channel::Connect(address_));
  }

  const std::string address_;
  std::atomic<bool> stopped_ = false;
  std::atomic<int> calls_ = 0;
  absl::Mutex mutex_;
  std::vector<std::string> errors_;
  std::vector<std::thread> threads_;
};

class HostReplacementTest : public ::testing::TestWithParam<const char*> {
 protected:
  void Start(const std::string& more = "") {
    host_.Add("echo", more, GetParam());
    host_.Start();
  }

  testing::ExpectSameDescriptors census_;
  RunningHost host_;
};

INSTANTIATE_TEST_SUITE_P(Types, HostReplacementTest, testing::kAllSchemes,
                         testing::SchemeName);

TEST_P(HostReplacementTest, RestartsFailNoCall) {
  Start();
  Load load(host_.address("echo", GetParam()));
  const int count = Replacements();
  ASSERT_TRUE(host_.Call("echo", "", GetParam()).ok());
  for (int i = 0; i < count; ++i) {
    const absl::Status restarted = host_.Restart("echo");
    ASSERT_TRUE(restarted.ok()) << restarted;
  }
  load.Stop();
  EXPECT_THAT(load.errors(), IsEmpty());
  EXPECT_GT(load.calls(), count);
  EXPECT_EQ(host_.StatusOf("echo").starts(), static_cast<uint64_t>(count) + 1);
}

TEST_P(HostReplacementTest, ReloadsFailNoCall) {
  Start();
  Load load(host_.address("echo", GetParam()));
  ASSERT_TRUE(host_.Call("echo", "", GetParam()).ok());
  for (int i = 0; i < Replacements(); ++i) {
    host_.Add("echo", absl::StrCat("environment: \"GENERATION=", i, "\""),
              GetParam());
    const auto reply = host_.Reload();
    ASSERT_TRUE(reply.ok()) << reply.status();
    ASSERT_EQ(reply->outcomes(0).change(),
              v1::ReloadReply::Outcome::CHANGE_REPLACED)
        << reply->outcomes(0).error();
  }
  load.Stop();
  EXPECT_THAT(load.errors(), IsEmpty());
}

TEST_P(HostReplacementTest, HostsThatAreKilledFailNoCall) {
  Start();
  Load load(host_.address("echo", GetParam()));
  const auto before = host_.Call("echo", "", GetParam());
  ASSERT_TRUE(before.ok());
  for (int i = 0; i < Replacements(); ++i) host_.KillHost();
  load.Stop();
  EXPECT_THAT(load.errors(), IsEmpty());
  EXPECT_EQ(host_.Call("echo", "", GetParam())->number(), before->number());
  EXPECT_EQ(host_.StatusOf("echo").starts(), 1u);
}

// At whatever moment of a replacement.
TEST_P(HostReplacementTest, HostsThatAreKilledWhileTheyReplaceFailNoCall) {
  Start();
  Load load(host_.address("echo", GetParam()));
  ASSERT_TRUE(host_.Call("echo", "", GetParam()).ok());
  std::atomic<bool> stopped = false;
  std::thread restarts([&] {
    // Those whose host dies fail, and the service goes on.
    while (!stopped) (void)host_.Restart("echo");
  });
  for (int i = 0; i < Replacements(); ++i) host_.KillHost();
  stopped = true;
  restarts.join();
  load.Stop();
  EXPECT_THAT(load.errors(), IsEmpty());
  // Whatever was half done is done.
  host_.AwaitState("echo", v1::STATE_RUNNING);
  EXPECT_TRUE(host_.Restart("echo").ok());
  EXPECT_EQ(host_.StatusOf("echo").failures(), 0u);
}

TEST_P(HostReplacementTest, UpgradesFailNoCall) {
  Start();
  Load load(host_.address("echo", GetParam()));
  ASSERT_TRUE(host_.Call("echo", "", GetParam()).ok());
  for (int i = 0; i < 5; ++i) {
    const pid_t before = host_.HostPid();
    const testing::Ending ending = host_.Ctl({"upgrade"});
    EXPECT_EQ(ending.exit_status, 0) << ending.errors;
    EXPECT_NE(host_.HostPid(), before);
  }
  load.Stop();
  EXPECT_THAT(load.errors(), IsEmpty());
  EXPECT_EQ(host_.StatusOf("echo").starts(), 1u);
}

}  // namespace
}  // namespace fdrpc::host
