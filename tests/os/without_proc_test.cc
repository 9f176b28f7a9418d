// The errors where /proc is needed and not mounted.

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <iostream>
#include <string>

#include "fdrpc/descriptor_info.h"
#include "gtest/gtest.h"
#include "os/descriptor_check.h"
#include "os/local_socket.h"
#include "os/socket_listener.h"
#include "tests/support/child.h"
#include "tests/support/mount_namespace.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

constexpr int kNoNamespace = 100;

// Replaces /proc by an empty directory, for this process only.
bool HideProc() {
  return LeaveMountNamespace() &&
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

TEST_F(WithoutProcTest, ARuleForAnAnonymousKindSaysSo) {
  Run([] {
    const UniqueFd event(eventfd(0, EFD_CLOEXEC));
    const internal::DescriptorRules eventfds = {
        .kinds = 1u << static_cast<int>(DescriptorKind::kEventfd)};
    return SaysThatProcIsMissing(CheckDescriptor(eventfds, event.get()));
  });
}

TEST_F(WithoutProcTest, ARuleForAFileNeedsNone) {
  Run([] {
    const UniqueFd event(eventfd(0, EFD_CLOEXEC));
    const UniqueFd root(open("/", O_RDONLY | O_CLOEXEC));
    const internal::DescriptorRules directories = {
        .kinds = 1u << static_cast<int>(DescriptorKind::kDirectory)};
    return CheckDescriptor(directories, root.get()).ok() &&
           absl::IsInvalidArgument(CheckDescriptor(directories, event.get()));
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
