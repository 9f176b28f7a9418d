// Checks of descriptors of a FUSE file system whose process does not answer:
// they must not wait for it.

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iostream>
#include <string>
#include <thread>

#include "fdrpc/unique_fd.h"
#include "gtest/gtest.h"
#include "os/descriptor_check.h"
#include "os/descriptor_kind.h"
#include "tests/support/child.h"
#include "tests/support/mount_namespace.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

constexpr int kNoFileSystem = 100;
// Ends a child that waits for the file system, so that the test fails.
constexpr unsigned kMostSeconds = 60;

// The process's part of the file system: answers what opening its root needs,
// and then nothing more.
void ServeOneOpen(int fuse) {
  alignas(fuse_in_header) char request[FUSE_MIN_READ_BUFFER];
  while (read(fuse, request, sizeof(request)) > 0) {
    fuse_in_header header;
    std::memcpy(&header, request, sizeof(header));
    struct {
      fuse_out_header header;
      union {
        fuse_init_out init;
        fuse_open_out open;
      };
    } answer = {};
    size_t bytes = 0;
    if (header.opcode == FUSE_INIT) {
      bytes = sizeof(answer.init);
      answer.init.major = FUSE_KERNEL_VERSION;
      answer.init.minor = FUSE_KERNEL_MINOR_VERSION;
      answer.init.max_write = 4096;
    } else if (header.opcode == FUSE_OPENDIR) {
      bytes = sizeof(answer.open);
    } else {
      answer.header.error = -ENOSYS;
    }
    answer.header.len = static_cast<uint32_t>(sizeof(answer.header) + bytes);
    answer.header.unique = header.unique;
    if (write(fuse, &answer, answer.header.len) < 0) return;
    if (header.opcode == FUSE_OPENDIR) return;
  }
}

class MuteFileSystemTest : public ::testing::Test {
 protected:
  // Runs `body` in a child with a directory of such a file system. It returns
  // whether everything is as it should be.
  void Run(const std::function<bool(int directory)>& body) {
    const int code = InChild([&] {
      const UniqueFd fuse(open("/dev/fuse", O_RDWR | O_CLOEXEC));
      const std::string options =
          "fd=" + std::to_string(fuse.get()) +
          ",rootmode=40000,user_id=" + std::to_string(getuid()) +
          ",group_id=" + std::to_string(getgid());
      if (!fuse.ok() || !LeaveMountNamespace() ||
          mount("fdrpc", dir_.path().c_str(), "fuse", MS_NOSUID | MS_NODEV,
                options.c_str()) != 0) {
        return kNoFileSystem;
      }
      alarm(kMostSeconds);
      std::thread serves(ServeOneOpen, fuse.get());
      const UniqueFd directory(
          open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      serves.join();
      return directory.ok() && body(directory.get()) ? 0 : 1;
    });
    if (code == kNoFileSystem) {
      GTEST_SKIP() << "this process may not mount a FUSE file system";
    }
    EXPECT_EQ(code, 0);
  }
  static internal::DescriptorRules Directory() {
    return {.kinds = 1u << static_cast<int>(DescriptorKind::kDirectory)};
  }

  TempDir dir_;
};

TEST_F(MuteFileSystemTest, IsNotAskedForTheKind) {
  Run([](int directory) {
    return InfoOf(directory).kind == DescriptorKind::kDirectory &&
           CheckDescriptor(Directory(), directory).ok();
  });
}

TEST_F(MuteFileSystemTest, OfAnotherUserTellsNoKind) {
  Run([](int directory) {
    BecomeUnprivileged();
    const absl::Status status = CheckDescriptor(Directory(), directory);
    const bool says =
        absl::IsInvalidArgument(status) &&
        status.message().find("whose kind its file system does not tell") !=
            absl::string_view::npos;
    if (!says) std::cerr << status << "\n";
    return says && InfoOf(directory).kind == DescriptorKind::kOther;
  });
}

}  // namespace
}  // namespace fdrpc::testing
