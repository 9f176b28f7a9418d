#include "fdrpc/shared_buffer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;
constexpr int kFutureWrite = 0x10;  // F_SEAL_FUTURE_WRITE
constexpr size_t kPage = 4096;

// What a receiver gets.
UniqueFd Received(const SharedFd& fd) {
  return UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
}

void Fill(SharedBuffer& buffer, const std::string& text) {
  std::memcpy(buffer.writable().data(), text.data(), text.size());
}

std::string TextIn(const SharedBuffer& buffer, size_t bytes) {
  return std::string(reinterpret_cast<const char*>(buffer.data().data()),
                     bytes);
}

// Memory as a hostile peer may make it.
UniqueFd PeersMemory(size_t bytes, int seals, unsigned flags = 0,
                     size_t allocated = SIZE_MAX) {
  UniqueFd file(
      memfd_create("peer's", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags));
  EXPECT_EQ(ftruncate(file.get(), static_cast<off_t>(bytes)), 0);
  allocated = std::min(allocated, bytes);
  if (allocated > 0) {
    EXPECT_EQ(fallocate(file.get(), 0, 0, static_cast<off_t>(allocated)), 0);
  }
  EXPECT_EQ(fcntl(file.get(), F_ADD_SEALS, seals), 0);
  return file;
}

class SharedBufferTest : public ::testing::Test {
 protected:
  static SharedBuffer Create(size_t bytes) {
    absl::StatusOr<SharedBuffer> buffer = SharedBuffer::Create(bytes);
    EXPECT_TRUE(buffer.ok()) << buffer.status();
    return *std::move(buffer);
  }
  static void Refuses(UniqueFd fd, const std::string& why,
                      const SharedBufferLimits& limits = {}) {
    const auto buffer = SharedBuffer::FromFd(std::move(fd), limits);
    EXPECT_EQ(buffer.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(buffer.status().message()), HasSubstr(why));
  }

  ExpectSameDescriptors census_;
};

TEST_F(SharedBufferTest, CarriesWhatItsMakerWrote) {
  SharedBuffer sent = Create(3 * kPage + 1);
  EXPECT_EQ(sent.writable().size(), 3 * kPage + 1);
  EXPECT_EQ(sent.data()[3 * kPage], std::byte{0});
  EXPECT_FALSE(sent.fd().ok()) << "nothing is to be sent before it is sealed";
  Fill(sent, "text");
  const std::byte* const address = sent.data().data();
  const absl::StatusOr<SharedFd> sealed = sent.Seal();
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  EXPECT_EQ(sent.data().data(), address);
  EXPECT_EQ(TextIn(sent, 4), "text");
  EXPECT_TRUE(sent.writable().empty());
  EXPECT_EQ(sent.Seal()->get(), sealed->get());

  const auto got = SharedBuffer::FromFd(Received(*sealed));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->size(), 3 * kPage + 1);
  EXPECT_EQ(TextIn(*got, 4), "text");
  EXPECT_TRUE(got->writable().empty());
  EXPECT_FALSE(got->may_change());
  // It can be passed on.
  EXPECT_TRUE(SharedBuffer::FromFd(Received(got->fd())).ok());
}

TEST_F(SharedBufferTest, IsConstantOnceItIsSealed) {
  SharedBuffer buffer = Create(kPage);
  const SharedFd fd = *buffer.Seal();
  EXPECT_TRUE(HasCloseOnExec(fd.get()));
  EXPECT_EQ(pwrite(fd.get(), "x", 1, 0), -1);
  EXPECT_EQ(ftruncate(fd.get(), 0), -1);
  EXPECT_EQ(ftruncate(fd.get(), 2 * kPage), -1);
  EXPECT_EQ(
      fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kPage),
      -1);
  EXPECT_EQ(mmap(nullptr, kPage, PROT_WRITE, MAP_SHARED, fd.get(), 0),
            MAP_FAILED);
  EXPECT_EQ(fcntl(fd.get(), F_ADD_SEALS, kFutureWrite), -1);
}

TEST_F(SharedBufferTest, IsNotSealedWhileAChildMayWriteToIt) {
  SharedBuffer buffer = Create(kPage);
  Fill(buffer, "a");
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const pid_t child = Fork([&] {
    close(ends[1]);
    char byte;
    return read(ends[0], &byte, 1) == 0 ? 0 : 1;
  });
  const absl::StatusOr<SharedFd> refused = buffer.Seal();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("fork"));
  EXPECT_FALSE(buffer.fd().ok());
  ASSERT_EQ(buffer.writable().size(), kPage);
  Fill(buffer, "b");
  close(ends[1]);
  EXPECT_EQ(ExitCode(child), 0);
  close(ends[0]);
  EXPECT_TRUE(buffer.Seal().ok());
  EXPECT_EQ(TextIn(buffer, 1), "b");
}

TEST_F(SharedBufferTest, GoesOnBeingWrittenByItsOwnerAlone) {
  SharedBuffer owners = Create(kPage);
  const absl::StatusOr<SharedFd> fd = owners.SealForOthers();
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_EQ(owners.SealForOthers()->get(), fd->get());
  Refuses(Received(*fd), "can still be written to");
  const auto got = SharedBuffer::FromFd(Received(*fd), {.may_change = true});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(got->may_change());
  EXPECT_TRUE(got->writable().empty());
  const auto sent = owners.WritableAs<std::atomic_ref<int>::value_type>();
  const auto seen = got->As<int>();
  for (int i = 1; i < 4; ++i) {
    (*sent)[0] = i;
    EXPECT_EQ(std::atomic_ref(const_cast<int&>((*seen)[0])).load(), i);
  }
  // Nobody else, and no holes.
  EXPECT_EQ(pwrite(got->fd().get(), "x", 1, 0), -1);
  EXPECT_EQ(mmap(nullptr, kPage, PROT_WRITE, MAP_SHARED, got->fd().get(), 0),
            MAP_FAILED);
  EXPECT_EQ(mprotect(const_cast<std::byte*>(got->data().data()), kPage,
                     PROT_READ | PROT_WRITE),
            -1);
  EXPECT_EQ(madvise(owners.writable().data(), kPage, MADV_REMOVE), -1);
  EXPECT_EQ(ftruncate(fd->get(), 0), -1);
}

TEST_F(SharedBufferTest, IsSealedForAllAfterItWasForOthers) {
  SharedBuffer buffer = Create(kPage);
  ASSERT_TRUE(buffer.SealForOthers().ok());
  Fill(buffer, "last");
  const absl::StatusOr<SharedFd> sealed = buffer.Seal();
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  const auto got = SharedBuffer::FromFd(Received(*sealed));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(TextIn(*got, 4), "last");
}

TEST_F(SharedBufferTest, RefusesWhatIsNoMemory) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  Refuses(UniqueFd(ends[0]), "has no seals");
  close(ends[1]);
  Refuses(UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
          "has no seals");
  Refuses(UniqueFd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)),
          "has no seals");
  Refuses(UniqueFd(open("/dev/null", O_RDWR | O_CLOEXEC)), "has no seals");
  Refuses(UniqueFd(open("/tmp", O_PATH | O_CLOEXEC)), "has no seals");
  Refuses(UniqueFd(), "no descriptor");
}

TEST_F(SharedBufferTest, RefusesWhatItsMakerCanChange) {
  for (int seals : {0, F_SEAL_WRITE, F_SEAL_WRITE | F_SEAL_GROW,
                    F_SEAL_WRITE | F_SEAL_SHRINK}) {
    Refuses(PeersMemory(kPage, seals), "can still be changed");
    Refuses(PeersMemory(kPage, seals), "can still be changed",
            {.may_change = true});
  }
  Refuses(PeersMemory(kPage, kSizeSeals), "no F_SEAL_WRITE");
  Refuses(PeersMemory(kPage, kSizeSeals), "by others than its maker",
          {.may_change = true});
  Refuses(PeersMemory(kPage, kSizeSeals | kFutureWrite), "no F_SEAL_WRITE");
}

TEST_F(SharedBufferTest, RefusesSizesThatHarm) {
  constexpr int kSeals = kSizeSeals | F_SEAL_WRITE;
  Refuses(PeersMemory(0, kSeals), "is empty");
  Refuses(PeersMemory(kPage + 1, kSeals), "has 4097 bytes, and may have 4096",
          {.max_bytes = kPage});
  EXPECT_TRUE(
      SharedBuffer::FromFd(PeersMemory(kPage, kSeals), {.max_bytes = kPage})
          .ok());
  // More than there is memory: as a sparse file, which costs its maker nothing.
  Refuses(PeersMemory(size_t{1} << 40, kSeals, 0, kPage), "may have");
  Refuses(PeersMemory(size_t{1} << 40, kSeals, 0, kPage), "has holes",
          {.max_bytes = SIZE_MAX});
  Refuses(PeersMemory(2 * kPage, kSeals, 0, kPage), "has holes");
}

TEST_F(SharedBufferTest, RefusesPagesBehindTheEnd) {
  constexpr size_t kHugePage = size_t{2} << 20;
  const auto with_pages = [](size_t bytes, size_t allocated) {
    UniqueFd file = PeersMemory(bytes, 0, 0, 0);
    EXPECT_EQ(fallocate(file.get(), FALLOC_FL_KEEP_SIZE, 0,
                        static_cast<off_t>(allocated)),
              0);
    EXPECT_EQ(fcntl(file.get(), F_ADD_SEALS, kSizeSeals | F_SEAL_WRITE), 0);
    return file;
  };
  Refuses(with_pages(1, kHugePage + kPage), "has pages behind its end");
  Refuses(with_pages(kPage, size_t{64} << 20), "for 4096; allocate no more");
  EXPECT_TRUE(SharedBuffer::FromFd(with_pages(kPage, kHugePage)).ok())
      << "the kernel may do so by itself";
}

TEST_F(SharedBufferTest, RefusesHugePages) {
  UniqueFd huge(
      memfd_create("peer's", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB));
  if (!huge.ok()) GTEST_SKIP() << "the kernel has none";
  ASSERT_EQ(ftruncate(huge.get(), 2 << 20), 0);
  ASSERT_EQ(fcntl(huge.get(), F_ADD_SEALS, kSizeSeals | F_SEAL_WRITE), 0);
  Refuses(std::move(huge), "ordinary memory");
}

TEST_F(SharedBufferTest, RefusesSizesThatCannotBeAllocated) {
  EXPECT_EQ(SharedBuffer::Create(0).status().code(),
            absl::StatusCode::kInvalidArgument);
  for (size_t bytes : {size_t{1} << 46, SIZE_MAX}) {
    EXPECT_EQ(SharedBuffer::Create(bytes).status().code(),
              absl::StatusCode::kResourceExhausted);
  }
}

TEST_F(SharedBufferTest, SaysWhichSystemCallFailed) {
  const auto fails = [](std::string call, int error) {
    return FaultInjection::FailFirst(std::move(call), 1, error);
  };
  const auto code = [] { return SharedBuffer::Create(kPage).status().code(); };
  for (const auto& [call, error] :
       {std::pair{"memfd_create", EMFILE}, std::pair{"memfd_create", ENFILE},
        std::pair{"fallocate", ENOSPC}, std::pair{"fallocate", ENOMEM},
        std::pair{"map_file", ENOMEM}}) {
    const FaultInjection faults(fails(call, error));
    EXPECT_EQ(code(), absl::StatusCode::kResourceExhausted) << call;
  }
  {
    const FaultInjection faults(fails("fallocate", EINTR));
    EXPECT_EQ(code(), absl::StatusCode::kOk);
  }
  SharedBuffer buffer = Create(kPage);
  Fill(buffer, "a");
  {
    const FaultInjection faults(fails("map_file", ENOMEM));
    EXPECT_EQ(buffer.Seal().status().code(),
              absl::StatusCode::kResourceExhausted);
  }
  {
    const FaultInjection faults(fails("add_seals", EPERM));
    EXPECT_THAT(std::string(buffer.Seal().status().message()),
                HasSubstr("sealing"));
  }
  EXPECT_EQ(TextIn(buffer, 1), "a");
  const SharedFd sealed = *buffer.Seal();
  const FaultInjection faults(fails("map_file", ENOMEM));
  EXPECT_EQ(SharedBuffer::FromFd(Received(sealed)).status().code(),
            absl::StatusCode::kResourceExhausted);
}

// The memory is gone then, and so is the object's claim to its addresses.
TEST_F(SharedBufferTest, IsEmptyIfItCannotBeMappedAgain) {
  SharedBuffer buffer = Create(kPage);
  const FaultInjection faults([](std::string_view name, size_t index) {
    const bool fails = name == "map_file" && index == 1;
    return FaultInjection::Fault{.error = fails ? ENOMEM : 0};
  });
  EXPECT_FALSE(buffer.Seal().ok());
  EXPECT_TRUE(buffer.data().empty());
  EXPECT_TRUE(buffer.writable().empty());
  EXPECT_EQ(buffer.Seal().status().code(),
            absl::StatusCode::kFailedPrecondition);
}

struct Sample {
  uint32_t at;
  float value;
};

TEST_F(SharedBufferTest, HoldsArrays) {
  SharedBuffer buffer = Create(1000 * sizeof(Sample));
  const auto samples = buffer.WritableAs<Sample>();
  ASSERT_TRUE(samples.ok());
  ASSERT_EQ(samples->size(), 1000u);
  (*samples)[999] = {.at = 7, .value = 0.5};
  const auto got = SharedBuffer::FromFd(Received(*buffer.Seal()));
  ASSERT_TRUE(got.ok());
  EXPECT_EQ((*got->As<Sample>())[999].at, 7u);
  EXPECT_EQ(got->As<char[3]>().status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(got->WritableAs<Sample>().status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(buffer.WritableAs<Sample>().status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(SharedBufferTest, MovesAndLeavesAnEmptyOne) {
  SharedBuffer buffer = Create(kPage);
  Fill(buffer, "a");
  SharedBuffer other = std::move(buffer);
  EXPECT_EQ(buffer.size(), 0u);  // NOLINT: specified
  EXPECT_EQ(buffer.Seal().status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(buffer.SealForOthers().status().code(),
            absl::StatusCode::kFailedPrecondition);
  other = Create(2 * kPage);
  EXPECT_EQ(other.size(), 2 * kPage);
}

}  // namespace
}  // namespace fdrpc::testing
