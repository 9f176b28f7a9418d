#include "os/notify_socket.h"

#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/service_manager.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

class NotifySocketTest : public ::testing::Test {
 protected:
  ExpectSameDescriptors census_;
  TempDir dir_;
};

TEST_F(NotifySocketTest, SendsEachStateAsADatagram) {
  for (const std::string& address :
       {dir_.file("notify"), absl::StrCat("@fdrpc-notify-", getpid())}) {
    const NotifyListener manager(address);
    const absl::StatusOr<NotifySocket> socket = NotifySocket::Create(address);
    ASSERT_TRUE(socket.ok()) << socket.status();
    EXPECT_TRUE(socket->Send("READY=1").ok());
    EXPECT_TRUE(socket->Send("WATCHDOG=1").ok());
    EXPECT_EQ(manager.Read(), "READY=1");
    EXPECT_EQ(manager.Read(), "WATCHDOG=1");
  }
}

TEST_F(NotifySocketTest, DoesNotBlockOnAManagerThatDoesNotRead) {
  const NotifyListener manager(dir_.file("notify"));
  const auto socket = NotifySocket::Create(dir_.file("notify"));
  ASSERT_TRUE(socket.ok()) << socket.status();
  int sent = 0;
  absl::Status status;
  while ((status = socket->Send("WATCHDOG=1")).ok()) ++sent;
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  for (; sent > 0; --sent) EXPECT_EQ(manager.Read(), "WATCHDOG=1");
  EXPECT_TRUE(socket->Send("READY=1").ok());
}

TEST_F(NotifySocketTest, SaysThatNobodyIsThere) {
  const auto socket = NotifySocket::Create(dir_.file("none"));
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(socket->Send("READY=1").code(), absl::StatusCode::kNotFound);
  // A manager that starts later, or again, is reached.
  const NotifyListener manager(dir_.file("none"));
  EXPECT_TRUE(socket->Send("READY=1").ok());
}

TEST_F(NotifySocketTest, GoesOnAfterASignalAndTellsOfNoMemory) {
  const NotifyListener manager(dir_.file("notify"));
  const auto socket = NotifySocket::Create(dir_.file("notify"));
  ASSERT_TRUE(socket.ok()) << socket.status();
  FaultInjection faults([](std::string_view name, size_t index) {
    if (name != "sendto") return FaultInjection::Fault{};
    return FaultInjection::Fault{.error = index == 0   ? EINTR
                                          : index == 2 ? ENOBUFS
                                                       : 0};
  });
  EXPECT_TRUE(socket->Send("READY=1").ok());
  EXPECT_EQ(socket->Send("READY=1").code(), absl::StatusCode::kUnavailable);
}

TEST_F(NotifySocketTest, RefusesWhatIsNoAddressOfASocket) {
  for (const std::string& address :
       {std::string(), std::string("notify"), std::string("vsock:2:1234"),
        std::string("@"), "/" + std::string(200, 'x')}) {
    const auto socket = NotifySocket::Create(address);
    EXPECT_EQ(socket.status().code(), absl::StatusCode::kInvalidArgument)
        << address;
  }
}

TEST(WatchdogTimeoutTest, IsThatOfThisProcess) {
  EXPECT_EQ(WatchdogTimeout("30000000", nullptr, 17), absl::Seconds(30));
  EXPECT_EQ(WatchdogTimeout("30000000", "17", 17), absl::Seconds(30));
  EXPECT_EQ(WatchdogTimeout("5000000000", "17", 17), absl::Seconds(5000));
}

TEST(WatchdogTimeoutTest, IsInfiniteWithoutAWatchdog) {
  for (const char* microseconds : {"", "x", "0", "-1", "1e6"}) {
    EXPECT_EQ(WatchdogTimeout(microseconds, nullptr, 17),
              absl::InfiniteDuration());
  }
  EXPECT_EQ(WatchdogTimeout(nullptr, "17", 17), absl::InfiniteDuration());
  for (const char* pid : {"18", "", "x"}) {
    EXPECT_EQ(WatchdogTimeout("1000", pid, 17), absl::InfiniteDuration());
  }
}

}  // namespace
}  // namespace fdrpc::testing
