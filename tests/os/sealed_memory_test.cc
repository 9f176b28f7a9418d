#include "os/sealed_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/background_close.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/open_file_limit.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kAll = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// A memory file, as a peer may make it.
UniqueFd MemoryFile(const std::string& content, int seals, unsigned flags = 0) {
  UniqueFd file(
      memfd_create("peer's", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags));
  EXPECT_EQ(write(file.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  EXPECT_EQ(fcntl(file.get(), F_ADD_SEALS, seals), 0);
  return file;
}

absl::StatusOr<UniqueFd> Seal(const std::string& a, const std::string& b) {
  const iovec pieces[] = {{const_cast<char*>(a.data()), a.size()},
                          {const_cast<char*>(b.data()), b.size()}};
  return SealInMemory(pieces);
}

class SealedMemoryTest : public ::testing::Test {
 protected:
  static void Refuses(UniqueFd file, size_t bytes, const std::string& why) {
    const auto read = ReadSealedMemory(std::move(file), bytes);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(why));
  }

  ExpectSameDescriptors census_;
};

TEST_F(SealedMemoryTest, HoldsWhatWasPutIntoItInOrder) {
  const std::string large(300'000, 'x');
  absl::StatusOr<UniqueFd> file = Seal("begin", large);
  ASSERT_TRUE(file.ok()) << file.status();
  const auto read = ReadSealedMemory(*std::move(file), large.size() + 5);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(std::string(read->data(), large.size() + 5), "begin" + large);
}

TEST_F(SealedMemoryTest, CannotBeChangedByItsMaker) {
  const absl::StatusOr<UniqueFd> file = Seal("a", "b");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(HasCloseOnExec(file->get()));
  EXPECT_EQ(fcntl(file->get(), F_GET_SEALS) & kAll, kAll);
  EXPECT_EQ(pwrite(file->get(), "x", 1, 0), -1);
  EXPECT_EQ(ftruncate(file->get(), 0), -1);
  EXPECT_EQ(ftruncate(file->get(), 100), -1);
}

TEST_F(SealedMemoryTest, IsNotExecutableWhereTheKernelCanSayThat) {
  const absl::StatusOr<UniqueFd> file = Seal("a", "");
  ASSERT_TRUE(file.ok()) << file.status();
  constexpr int kSealExec = 0x20;  // F_SEAL_EXEC of Linux 6.3
  if ((fcntl(file->get(), F_GET_SEALS) & kSealExec) == 0) {
    GTEST_SKIP() << "the kernel has no MFD_NOEXEC_SEAL";
  }
  struct stat info;
  ASSERT_EQ(fstat(file->get(), &info), 0);
  EXPECT_EQ(info.st_mode & 0111, 0u);
}

TEST_F(SealedMemoryTest, IsMadeByKernelsThatDoNotKnowOfExecutableOnes) {
  FaultInjection faults([](std::string_view name, size_t index) {
    return FaultInjection::Fault{
        .error = name == "memfd_create" && index == 0 ? EINVAL : 0};
  });
  absl::StatusOr<UniqueFd> file = Seal("a", "b");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(ReadSealedMemory(*std::move(file), 2).ok());
}

TEST_F(SealedMemoryTest, TellsWhyItCannotBeMade) {
  for (const auto& [call, error] :
       {std::pair{"memfd_create", EMFILE}, std::pair{"memfd_create", ENFILE},
        std::pair{"memfd_create", ENOMEM}, std::pair{"write", ENOSPC}}) {
    FaultInjection faults(
        [call = call, error = error](std::string_view name, size_t) {
          return FaultInjection::Fault{.error = name == call ? error : 0};
        });
    EXPECT_EQ(Seal("a", "b").status().code(),
              absl::StatusCode::kResourceExhausted)
        << call << error;
  }
  FaultInjection faults([&](std::string_view name, size_t) {
    return FaultInjection::Fault{.error = name == "add_seals" ? EPERM : 0};
  });
  EXPECT_THAT(std::string(Seal("a", "b").status().message()),
              HasSubstr("sealing"));
}

TEST_F(SealedMemoryTest, TakesOtherPagesIfTheKernelHoldsSome) {
  FaultInjection faults([](std::string_view name, size_t index) {
    return FaultInjection::Fault{
        .error = name == "add_seals" && index < 2 ? EBUSY : 0};
  });
  absl::StatusOr<UniqueFd> file = Seal("a", "b");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(faults.CountOf("memfd_create"), 3u);
  const auto read = ReadSealedMemory(*std::move(file), 2);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(std::string_view(read->data(), 2), "ab");
}

TEST_F(SealedMemoryTest, SaysThatTheKernelAlwaysHoldsPages) {
  FaultInjection faults([](std::string_view name, size_t) {
    return FaultInjection::Fault{.error = name == "add_seals" ? EBUSY : 0};
  });
  const absl::Status status = Seal("a", "b").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("EBUSY"));
}

TEST_F(SealedMemoryTest, ASignalDoesNotShow) {
  FaultInjection faults([](std::string_view name, size_t index) {
    return FaultInjection::Fault{
        .error =
            (name == "write" || name == "pread") && index % 2 == 0 ? EINTR : 0};
  });
  absl::StatusOr<UniqueFd> file = Seal("a", "b");
  ASSERT_TRUE(file.ok()) << file.status();
  const auto read = ReadSealedMemory(*std::move(file), 2);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(std::string(read->data(), 2), "ab");
}

TEST_F(SealedMemoryTest, MayHaveHoles) {
  UniqueFd file = MemoryFile("", 0);
  ASSERT_EQ(ftruncate(file.get(), 1 << 20), 0);
  ASSERT_EQ(fcntl(file.get(), F_ADD_SEALS, kAll), 0);
  const auto read = ReadSealedMemory(std::move(file), 1 << 20);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(std::string(read->data(), 1 << 20), std::string(1 << 20, '\0'));
}

TEST_F(SealedMemoryTest, NeedsEachSealThatKeepsTheBytesAsTheyAre) {
  for (const int missing : {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE}) {
    Refuses(MemoryFile("abc", kAll & ~missing), 3, "can still be changed");
  }
  Refuses(MemoryFile("abc", 0), 3, "can still be changed");
  Refuses(MemoryFile("abc", F_SEAL_SEAL), 3, "can still be changed");
  EXPECT_TRUE(ReadSealedMemory(MemoryFile("abc", kAll & ~F_SEAL_SEAL), 3).ok())
      << "more seals would change nothing";
}

TEST_F(SealedMemoryTest, NeedsTheSizeThatWasAnnounced) {
  Refuses(MemoryFile("abc", kAll), 2, "has 3 bytes instead of 2");
  Refuses(MemoryFile("abc", kAll), 4, "has 3 bytes instead of 4");
  Refuses(MemoryFile("", kAll), 1, "has 0 bytes");
  Refuses(MemoryFile("abc", kAll), 0, "has 3 bytes");
}

TEST_F(SealedMemoryTest, RefusesWhatIsNoMemoryFile) {
  TempDir dir;
  const auto open_it = [](const std::string& path, int flags) {
    return UniqueFd(open(path.c_str(), flags | O_CLOEXEC, 0600));
  };
  Refuses(UniqueFd(), 1, "has no seals");
  Refuses(open_it(dir.file("file"), O_RDWR | O_CREAT), 0, "has no seals");
  Refuses(open_it("/dev/zero", O_RDONLY), 10, "has no seals");
  Refuses(open_it("/", O_RDONLY | O_DIRECTORY), 10, "has no seals");
  Refuses(open_it("/", O_PATH), 10, "has no seals");
  Refuses(std::move(Pipe().first), 10, "has no seals");
  Refuses(std::move(SocketPair().first), 10, "has no seals");
  // A file on tmpfs has seals, namely none.
  UniqueFd on_tmpfs = open_it("/dev/shm", O_TMPFILE | O_RDWR);
  if (on_tmpfs.ok()) Refuses(std::move(on_tmpfs), 0, "");
}

TEST_F(SealedMemoryTest, RefusesHugePages) {
  UniqueFd file(
      memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB));
  if (!file.ok()) GTEST_SKIP() << "the kernel has none";
  ASSERT_EQ(fcntl(file.get(), F_ADD_SEALS, kAll), 0);
  Refuses(std::move(file), 0, "is not of ordinary memory");
}

TEST_F(SealedMemoryTest, RefusesWhatItCannotRead) {
  const UniqueFd file = MemoryFile("abc", kAll);
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  // Nobody can open it for writing, so a peer cannot do more than this.
  Refuses(UniqueFd(open(path.c_str(), O_PATH | O_CLOEXEC)), 3, "has no seals");
  for (const int error : {EIO, ENOMEM}) {
    FaultInjection faults([&](std::string_view name, size_t) {
      return FaultInjection::Fault{.error = name == "pread" ? error : 0};
    });
    Refuses(MemoryFile("abc", kAll), 3,
            "cannot be read (errno " + std::to_string(error));
  }
  for (const char* call : {"fstat", "fstatfs"}) {
    FaultInjection faults([&](std::string_view name, size_t) {
      return FaultInjection::Fault{.error = name == call ? EIO : 0};
    });
    EXPECT_TRUE(absl::IsInternal(
        ReadSealedMemory(MemoryFile("abc", kAll), 3).status()));
  }
}

TEST_F(SealedMemoryTest, IsClosedAtOnceAlsoWhereClosingIsDeferred) {
  const DescriptorCensus before = TakeCensus();
  BackgroundCloseScope closes;
  EXPECT_TRUE(ReadSealedMemory(MemoryFile("abc", kAll), 3).ok());
  EXPECT_EQ(TakeCensus(), before);
  EXPECT_FALSE(ReadSealedMemory(std::move(Pipe().first), 3).ok());
  EXPECT_EQ(TakeCensus().size(), before.size() + 2) << "who knows what that is";
}

}  // namespace
}  // namespace fdrpc::testing
