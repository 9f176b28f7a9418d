#include "server/service_notices.h"

#include <poll.h>

#include <chrono>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/service_manager.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using std::chrono::milliseconds;

class ServiceNoticesTest : public ::testing::Test {
 protected:
  ServiceNotices Notices(absl::Duration watchdog = absl::InfiniteDuration()) {
    return ServiceNotices(*NotifySocket::Create(dir_.file("notify")), watchdog);
  }
  // What has arrived, if anything.
  std::optional<std::string> Read() {
    pollfd readable = {.fd = manager_.fd(), .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, 0) == 0) return std::nullopt;
    return manager_.Read();
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  NotifyListener manager_{dir_.file("notify")};
  const MonotonicTime start_{std::chrono::seconds(1000)};
};

TEST_F(ServiceNoticesTest, SayThatTheServerIsReadyAndThatItStops) {
  ServiceNotices notices = Notices();
  EXPECT_LE(notices.next(), start_);
  EXPECT_EQ(Read(), std::nullopt) << "before it polls";
  notices.Advance(start_);
  EXPECT_EQ(Read(), "READY=1");
  EXPECT_EQ(notices.next(), kNoDeadline);
  notices.Advance(start_ + std::chrono::hours(1));
  EXPECT_EQ(Read(), std::nullopt);
  notices.Stop();
  notices.Advance(start_ + std::chrono::hours(1));
  EXPECT_EQ(Read(), "STOPPING=1");
  EXPECT_EQ(notices.next(), kNoDeadline);
}

TEST_F(ServiceNoticesTest, SayTwiceInTheWatchdogsTimeThatItLives) {
  ServiceNotices notices = Notices(absl::Milliseconds(100));
  notices.Advance(start_);
  EXPECT_EQ(Read(), "READY=1");
  for (int i = 1; i < 4; ++i) {
    const MonotonicTime due = start_ + i * milliseconds(50);
    EXPECT_EQ(notices.next(), due);
    notices.Advance(due - milliseconds(1));
    EXPECT_EQ(Read(), std::nullopt);
    notices.Advance(due);
    EXPECT_EQ(Read(), "WATCHDOG=1");
    notices.Advance(due);
    EXPECT_EQ(Read(), std::nullopt);
  }
  // Draining takes time, too.
  notices.Stop();
  const MonotonicTime stopped = start_ + milliseconds(160);
  notices.Advance(stopped);
  EXPECT_EQ(Read(), "STOPPING=1");
  notices.Advance(stopped + milliseconds(50));
  EXPECT_EQ(Read(), "WATCHDOG=1");
}

TEST_F(ServiceNoticesTest, ComeLaterIfTheManagerDoesNotRead) {
  const auto other = NotifySocket::Create(dir_.file("notify"));
  while (other->Send("X=1").ok()) continue;
  ServiceNotices notices = Notices();
  notices.Advance(start_);
  const MonotonicTime again = notices.next();
  EXPECT_GT(again, start_);
  EXPECT_LE(again, start_ + std::chrono::seconds(1));
  while (Read() == "X=1") continue;
  notices.Advance(again);
  EXPECT_EQ(Read(), "READY=1");
}

TEST_F(ServiceNoticesTest, AreLostIfNobodyIsThere) {
  ServiceNotices notices(*NotifySocket::Create(dir_.file("none")),
                         absl::InfiniteDuration());
  notices.Advance(start_);
  EXPECT_EQ(notices.next(), kNoDeadline);
}

TEST_F(ServiceNoticesTest, GoWhereTheEnvironmentSays) {
  {
    const ScopedVariable socket("NOTIFY_SOCKET", dir_.file("notify"));
    const ScopedVariable timeout("WATCHDOG_USEC", "100000");
    ServiceNotices notices = *ServiceNotices::FromEnvironment();
    notices.Advance(start_);
    EXPECT_EQ(Read(), "READY=1");
    EXPECT_EQ(notices.next(), start_ + milliseconds(50));
    const ScopedVariable others("WATCHDOG_PID", "1");
    notices = *ServiceNotices::FromEnvironment();
    notices.Advance(start_);
    EXPECT_EQ(Read(), "READY=1");
    EXPECT_EQ(notices.next(), kNoDeadline);
  }
  for (const char* nowhere : {"", "somewhere"}) {
    const ScopedVariable socket("NOTIFY_SOCKET", nowhere);
    EXPECT_EQ(ServiceNotices::FromEnvironment().status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  ServiceNotices without = *ServiceNotices::FromEnvironment();
  EXPECT_EQ(without.next(), kNoDeadline);
  without.Stop();
  EXPECT_EQ(without.next(), kNoDeadline);
  without.Advance(start_);
}

}  // namespace
}  // namespace fdrpc::testing
