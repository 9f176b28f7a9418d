// The errors where /proc is needed and not mounted.

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <iostream>
#include <string>

#include "gtest/gtest.h"
#include "os/local_socket.h"
#include "os/socket_listener.h"
#include "tests/support/child.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

constexpr int kNoNamespace = 100;

// Replaces /proc by an empty directory, for this process only.
bool HideProc() {
  return (unshare(CLONE_NEWNS) == 0 ||
          unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
         mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("none", "/proc", "tmpfs", 0, nullptr) == 0;
}

bool SaysThatProcIsMissing(const absl::Status& status) {
  const bool says =
      status.code() == absl::StatusCode::kFailedPrecondition &&
      status.message().find("/proc is not mounted") != absl::string_view::npos;
  if (!says) std::cerr << status << "\n";
  return says;
}

class WithoutProcTest : public ::testing::Test {
 protected:
  WithoutProcTest() { EXPECT_EQ(mkdir(dir_.file(kLong).c_str(), 0700), 0); }
  UnixAddress Address(const std::string& name) {
    return *UnixAddress::Parse(dir_.address(name));
  }
  // `body` returns whether everything is as it should be.
  static void Run(const std::function<bool()>& body) {
    const int code = InChild([&] {
      if (!HideProc()) return kNoNamespace;
      return body() ? 0 : 1;
    });
    if (code == kNoNamespace) {
      GTEST_SKIP() << "this process may not make a mount namespace";
    }
    EXPECT_EQ(code, 0);
  }

  const std::string kLong = std::string(120, 'd');
  TempDir dir_;
};

TEST_F(WithoutProcTest, ConnectingToALongPathSaysSo) {
  const absl::StatusOr<SocketListener> listener =
      SocketListener::Listen(Address(kLong + "/socket"));
  ASSERT_TRUE(listener.ok()) << listener.status();
  Run([this] {
    return SaysThatProcIsMissing(
        ConnectSocket(Address(kLong + "/socket")).status());
  });
}

TEST_F(WithoutProcTest, ListeningOnALongPathSaysSo) {
  Run([this] {
    return SaysThatProcIsMissing(
        SocketListener::Listen(Address(kLong + "/socket")).status());
  });
}

TEST_F(WithoutProcTest, AModeSaysSo) {
  Run([this] {
    return SaysThatProcIsMissing(
        SocketListener::Listen(Address("socket"), {.mode = 0600}).status());
  });
}

TEST_F(WithoutProcTest, AShortPathNeedsNone) {
  Run([this] {
    const absl::StatusOr<SocketListener> listener =
        SocketListener::Listen(Address("socket"));
    return listener.ok() && ConnectSocket(Address("socket")).ok();
  });
}

}  // namespace
}  // namespace fdrpc::testing
