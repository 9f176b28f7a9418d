#include "os/shared_region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

constexpr size_t kBytes = 36u << 10;
constexpr int kMakersSeals = F_SEAL_SHRINK | F_SEAL_GROW;
constexpr int kJoinersSeals = F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

// A memory file as a peer may make it: of that size, with those seals, and all
// pages touched except the one at `hole`.
UniqueFd PeersFile(size_t bytes, int seals, size_t hole = SIZE_MAX) {
  UniqueFd file(memfd_create("peer's", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(ftruncate(file.get(), static_cast<off_t>(bytes)), 0);
  for (size_t at = 0; at < bytes; at += 4096) {
    if (at != hole) {
      EXPECT_EQ(pwrite(file.get(), "x", 1, static_cast<off_t>(at)), 1);
    }
  }
  EXPECT_EQ(fcntl(file.get(), F_ADD_SEALS, seals), 0);
  return file;
}

UniqueFd Duplicate(const UniqueFd& fd) {
  return UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
}

class SharedRegionTest : public ::testing::Test {
 protected:
  static SharedRegion::Made Make() {
    absl::StatusOr<SharedRegion::Made> made = SharedRegion::Make(kBytes);
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }
  static void Refuses(UniqueFd file, const std::string& why) {
    const auto joined = SharedRegion::Join(std::move(file), kBytes);
    EXPECT_EQ(joined.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(joined.status().message()), HasSubstr(why));
  }
  static void ExpectNotJoined(const UniqueFd& file, const std::string& why) {
    const absl::Status joined = SharedRegion::CheckJoined(file.get(), kBytes);
    EXPECT_EQ(joined.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(joined.message()), HasSubstr(why));
  }

  ExpectSameDescriptors census_;
};

TEST_F(SharedRegionTest, EachSideSeesWhatTheOtherWrites) {
  SharedRegion::Made made = Make();
  const auto joined = SharedRegion::Join(std::move(made.file), kBytes);
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_EQ(joined->bytes(), kBytes);
  EXPECT_EQ(joined->data()[kBytes - 1], 0);
  std::strcpy(made.region.data() + kBytes - 10, "late");
  EXPECT_STREQ(joined->data() + kBytes - 10, "late");
  std::strcpy(joined->data(), "back");
  EXPECT_STREQ(made.region.data(), "back");
  SharedRegion moved = std::move(made.region);
  EXPECT_TRUE(made.region.empty());
  EXPECT_STREQ(moved.data() + kBytes - 10, "late");
}

TEST_F(SharedRegionTest, OnceJoinedNobodyElseCanWriteAndNobodyTakesPagesAway) {
  const SharedRegion::Made made = Make();
  const auto joined = SharedRegion::Join(Duplicate(made.file), kBytes);
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_TRUE(SharedRegion::CheckJoined(made.file.get(), kBytes).ok());
  const int file = made.file.get();
  EXPECT_EQ(pwrite(file, "x", 1, 0), -1);
  EXPECT_EQ(ftruncate(file, 0), -1);
  EXPECT_EQ(ftruncate(file, 2 * kBytes), -1);
  EXPECT_EQ(
      fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
  EXPECT_EQ(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0),
            MAP_FAILED);
  void* const read = mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, file, 0);
  ASSERT_NE(read, MAP_FAILED);
  EXPECT_EQ(mprotect(read, kBytes, PROT_READ | PROT_WRITE), -1);
  munmap(read, kBytes);
  for (const SharedRegion* mapping : {&made.region, &*joined}) {
    EXPECT_EQ(madvise(mapping->data(), kBytes, MADV_REMOVE), -1);
  }
  const std::string again = "/proc/self/fd/" + std::to_string(file);
  const UniqueFd reopened(open(again.c_str(), O_RDWR | O_CLOEXEC));
  if (reopened.ok()) {
    EXPECT_EQ(pwrite(reopened.get(), "x", 1, 0), -1);
    EXPECT_EQ(mmap(nullptr, kBytes, PROT_WRITE, MAP_SHARED, reopened.get(), 0),
              MAP_FAILED);
  }
}

// So a control group counts them for who joins.
TEST_F(SharedRegionTest, ThePagesAreThoseOfWhoJoins) {
  SharedRegion::Made made = Make();
  const auto allocated = [](int file) {
    struct stat info = {};
    EXPECT_EQ(fstat(file, &info), 0);
    return static_cast<size_t>(info.st_blocks) * 512;
  };
  EXPECT_EQ(allocated(made.file.get()), 0u);
  const auto joined = SharedRegion::Join(Duplicate(made.file), kBytes);
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_EQ(allocated(made.file.get()), kBytes);
}

TEST_F(SharedRegionTest, OlderKernelsMakeNoPagesForIt) {
  FaultInjection faults(FaultInjection::FailFirst("populate", 1, EINVAL));
  const SharedRegion::Made made = Make();
  const auto joined = SharedRegion::Join(Duplicate(made.file), kBytes);
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_TRUE(SharedRegion::CheckJoined(made.file.get(), kBytes).ok());
}

TEST_F(SharedRegionTest, TheMakerSeesWhetherSomebodyHasJoined) {
  const SharedRegion::Made made = Make();
  ExpectNotJoined(made.file, "can still be changed");
  ASSERT_EQ(fcntl(made.file.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
  ExpectNotJoined(made.file, "can still be changed");
  // It can have allocated no pages, or have taken one away again.
  ASSERT_EQ(fcntl(made.file.get(), F_ADD_SEALS, F_SEAL_SEAL), 0);
  ExpectNotJoined(made.file, "has a hole at 0");
  const SharedRegion::Made holed = Make();
  std::memset(holed.region.data(), 'x', kBytes);
  ASSERT_EQ(madvise(holed.region.data() + 8192, 4096, MADV_REMOVE), 0);
  ASSERT_EQ(fcntl(holed.file.get(), F_ADD_SEALS, kJoinersSeals), 0);
  ExpectNotJoined(holed.file, "has a hole at 8192");
}

TEST_F(SharedRegionTest, AChildOfForkDoesNotInheritTheMapping) {
  SharedRegion::Made made = Make();
  auto joined = SharedRegion::Join(Duplicate(made.file), kBytes);
  ASSERT_TRUE(joined.ok());
  // Not Fork(), whose child may have allocated memory there.
  const pid_t child = fork();
  if (child == 0) {
    // Something of the child's is there now.
    void* const at =
        mmap(made.region.data(), kBytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (at != made.region.data()) _exit(1);
    char* const own = static_cast<char*>(at);
    own[0] = 'c';
    { const SharedRegion dropped = std::move(made.region); }
    if (own[0] != 'c') _exit(2);
    own[1] = 'd';  // still mapped
    _exit(own[1] == 'd' ? 0 : 3);
  }
  EXPECT_EQ(ExitCode(child), 0);
  made.region.data()[0] = 'p';
  EXPECT_EQ(joined->data()[0], 'p');
}

TEST_F(SharedRegionTest, NeedsTheMakersSealsAndNoOthers) {
  for (const int missing : {F_SEAL_SHRINK, F_SEAL_GROW}) {
    Refuses(PeersFile(kBytes, kMakersSeals & ~missing), "can still be changed");
  }
  for (const int more : {F_SEAL_SEAL, F_SEAL_FUTURE_WRITE, F_SEAL_WRITE}) {
    Refuses(PeersFile(kBytes, kMakersSeals | more), "is sealed already");
  }
  EXPECT_TRUE(SharedRegion::Join(PeersFile(kBytes, kMakersSeals), kBytes).ok());
}

TEST_F(SharedRegionTest, NeedsTheSizeThatWasAnnounced) {
  Refuses(PeersFile(kBytes - 1, kMakersSeals), "bytes instead of");
  Refuses(PeersFile(kBytes + 4096, kMakersSeals), "bytes instead of");
}

TEST_F(SharedRegionTest, PagesThatAreMissingAreThereOnceItIsMapped) {
  const auto joined =
      SharedRegion::Join(PeersFile(kBytes, kMakersSeals, 8192), kBytes);
  EXPECT_TRUE(joined.ok()) << joined.status();
  // One that goes after that.
  const UniqueFd file = PeersFile(kBytes, kMakersSeals);
  FaultInjection faults([&](std::string_view name, size_t) {
    if (name == "add_seals") {
      EXPECT_EQ(
          fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    8192, 4096),
          0);
    }
    return FaultInjection::Fault{};
  });
  Refuses(Duplicate(file), "has a hole at 8192");
}

TEST_F(SharedRegionTest, RefusesWhatIsNoMemoryFile) {
  Refuses(UniqueFd(), "has no seals");
  Refuses(std::move(Pipe().first), "has no seals");
  Refuses(FileWith("x"), "");
  UniqueFd huge(
      memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB));
  if (huge.ok()) {
    EXPECT_EQ(fcntl(huge.get(), F_ADD_SEALS, kMakersSeals), 0);
    Refuses(std::move(huge), "is not of ordinary memory");
  }
}

TEST_F(SharedRegionTest, TellsWhyItCannotBeMade) {
  const std::pair<const char*, int> failures[] = {
      {"get_file_size_limit", EINVAL},
      {"memfd_create", ENOSYS},
      {"memfd_create", EPERM},
      {"memfd_create", EMFILE},
      {"ftruncate", EPERM},
      {"map_file", ENOMEM},
      {"keep_from_children", ENOMEM},
      {"add_seals", EPERM},
      {"get_seals", EPERM},
      {"lseek", EPERM}};
  for (const auto& [call, error] : failures) {
    SCOPED_TRACE(std::string(call) + " " + std::to_string(error));
    FaultInjection faults(
        [call = call, error = error](std::string_view name, size_t) {
          return FaultInjection::Fault{.error = name == call ? error : 0};
        });
    const absl::Status status = SharedRegion::Make(kBytes).status();
    EXPECT_FALSE(status.ok());
    EXPECT_GT(faults.CountOf(call), 0u);
  }
}

TEST_F(SharedRegionTest, ASignalDoesNotShow) {
  for (const char* const call : {"ftruncate", "fallocate"}) {
    FaultInjection faults(FaultInjection::FailFirst(call, 2, EINTR));
    EXPECT_TRUE(SharedRegion::Join(Make().file, kBytes).ok()) << call;
    EXPECT_EQ(faults.CountOf(call), 3u);
  }
}

TEST_F(SharedRegionTest, TellsWhyItCannotBeJoined) {
  for (const auto& [call, error, code] :
       {std::tuple{"fallocate", ENOSPC, absl::StatusCode::kResourceExhausted},
        std::tuple{"fallocate", ENOSYS, absl::StatusCode::kUnimplemented},
        std::tuple{"map_file", ENOMEM, absl::StatusCode::kResourceExhausted},
        std::tuple{"populate", ENOMEM, absl::StatusCode::kResourceExhausted},
        std::tuple{"keep_from_children", ENOMEM,
                   absl::StatusCode::kResourceExhausted},
        std::tuple{"add_seals", EPERM, absl::StatusCode::kPermissionDenied},
        // Before Linux 5.1.
        std::tuple{"add_seals", EINVAL, absl::StatusCode::kUnimplemented},
        std::tuple{"get_seals", EPERM, absl::StatusCode::kInternal},
        std::tuple{"lseek", EPERM, absl::StatusCode::kInternal},
        std::tuple{"fstat", EPERM, absl::StatusCode::kInternal},
        std::tuple{"fstatfs", EPERM, absl::StatusCode::kInternal}}) {
    SharedRegion::Made made = Make();
    FaultInjection faults(
        [call = call, error = error](std::string_view name, size_t) {
          return FaultInjection::Fault{.error = name == call ? error : 0};
        });
    EXPECT_EQ(SharedRegion::Join(std::move(made.file), kBytes).status().code(),
              code)
        << call;
  }
}

TEST_F(SharedRegionTest, DoesNotTryWhatTheFileSizeLimitForbids) {
  const int in_child = InChild([] {
    const rlimit limit = {.rlim_cur = kBytes - 1, .rlim_max = kBytes - 1};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    // SIGXFSZ would end this process here.
    const absl::Status status = SharedRegion::Make(kBytes).status();
    return status.code() == absl::StatusCode::kResourceExhausted ? 0 : 2;
  });
  EXPECT_EQ(in_child, 0);
}

}  // namespace
}  // namespace fdrpc::testing
