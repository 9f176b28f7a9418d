// The store with real memory files, for several users, without sockets.
#include "services/blobstore/blob_store.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/blobstore/lease.h"
#include "tests/services/blobstore/memory_files.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::blobstore {
namespace {

using ::testing::HasSubstr;
using testing::kBlobSeals;
using testing::MemoryWith;
using testing::NameOfBlob;

constexpr uid_t kCleo = 2000;
constexpr uid_t kDan = 2001;
constexpr uid_t kSuperuser = 0;

class BlobStoreTest : public ::testing::Test {
 protected:
  std::string Put(const std::string& content, uid_t user = kCleo,
                  Readers readers = Readers::kOwner) {
    const auto put = store_.Put(user, MemoryWith(content), readers);
    EXPECT_TRUE(put.ok()) << put.status();
    return put.ok() ? put->blob.key.name : "";
  }
  std::string Get(const std::string& name, uid_t user = kCleo) {
    const auto content = store_.Get(user, {name, {}});
    if (!content.ok()) return std::string(content.status().message());
    return testing::ReadRest(content->memory.get());
  }
  absl::Status PutError(UniqueFd content) {
    return store_.Put(kCleo, std::move(content), Readers::kOwner).status();
  }

  testing::ExpectSameDescriptors census_;
  BlobStore store_{{.memory_bytes = 1 << 20,
                    .memory_blobs = 100,
                    .user = {.bytes = 1 << 20, .blobs = 100}}};
};

TEST_F(BlobStoreTest, KeepsTheVeryMemoryThatItIsGiven) {
  UniqueFd memory = MemoryWith("content");
  struct stat before = {};
  fstat(memory.get(), &before);
  const auto put = store_.Put(kCleo, std::move(memory), Readers::kOwner);
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_FALSE(put->existed);
  EXPECT_EQ(put->blob.key.name, NameOfBlob("content"));
  EXPECT_EQ(put->blob.bytes, 7u);
  const auto content = store_.Get(kCleo, {put->blob.key.name, {}});
  ASSERT_TRUE(content.ok()) << content.status();
  struct stat after = {};
  fstat(content->memory.get(), &after);
  EXPECT_EQ(after.st_ino, before.st_ino);
}

TEST_F(BlobStoreTest, GivesMemoryThatCannotBeChangedWithAnOffsetOfItsOwn) {
  const std::string name = Put("content");
  const auto first = store_.Get(kCleo, {name, {}});
  const auto second = store_.Get(kCleo, {name, {}});
  ASSERT_TRUE(first.ok() && second.ok());
  const int fd = first->memory.get();
  EXPECT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  EXPECT_EQ(fcntl(fd, F_GET_SEALS) & kBlobSeals, kBlobSeals);
  EXPECT_LT(write(fd, "x", 1), 0);
  EXPECT_LT(ftruncate(fd, 1), 0);
  EXPECT_EQ(mmap(nullptr, 7, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const UniqueFd writable(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (writable.ok()) {
    EXPECT_LT(write(writable.get(), "x", 1), 0) << "it is sealed";
    EXPECT_LT(ftruncate(writable.get(), 1), 0);
  }
  EXPECT_EQ(testing::ReadRest(fd), "content");
  EXPECT_EQ(testing::ReadRest(second->memory.get()), "content");
}

TEST_F(BlobStoreTest, RefusesWhatIsNoSealedMemory) {
  const struct {
    UniqueFd fd;
    const char* reason;
  } table[] = {
      {MemoryWith("x", 0), "can still be changed"},
      {MemoryWith("x", F_SEAL_GROW | F_SEAL_SHRINK), "no F_SEAL_WRITE"},
      {MemoryWith("x", F_SEAL_WRITE | F_SEAL_SHRINK), "can still be changed"},
      {MemoryWith("x", F_SEAL_WRITE | F_SEAL_GROW), "can still be changed"},
      {MemoryWith(""), "is empty"},
      {testing::Pipe().first, "has no seals"},
      {UniqueFd(open("/etc/passwd", O_RDONLY | O_CLOEXEC)), "has no seals"},
      {UniqueFd(), "is no descriptor"},
  };
  for (const auto& row : table) {
    UniqueFd fd(row.fd.ok() ? fcntl(row.fd.get(), F_DUPFD_CLOEXEC, 0) : -1);
    const absl::Status refused = PutError(std::move(fd));
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(refused.message()), HasSubstr(row.reason));
  }
  // Another thread closes what was refused.
}

TEST_F(BlobStoreTest, RefusesMemoryWithHolesWhateverItsSize) {
  UniqueFd sparse = MemoryWith("", 0);
  ASSERT_EQ(ftruncate(sparse.get(), off_t{1} << 40), 0);
  ASSERT_EQ(fcntl(sparse.get(), F_ADD_SEALS, kBlobSeals), 0);
  const absl::Status refused = PutError(std::move(sparse));
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("has holes"));
}

TEST_F(BlobStoreTest, RefusesHugePages) {
  UniqueFd huge(
      memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB));
  if (!huge.ok()) GTEST_SKIP() << "the kernel has no huge pages";
  ASSERT_EQ(ftruncate(huge.get(), 2 << 20), 0);
  ASSERT_EQ(fcntl(huge.get(), F_ADD_SEALS, kBlobSeals), 0);
  EXPECT_THAT(std::string(PutError(std::move(huge)).message()),
              HasSubstr("not of ordinary memory"));
}

TEST_F(BlobStoreTest, TakesSizesThatFillNoPages) {
  for (const size_t bytes : {1, 4095, 4096, 4097, 100000}) {
    const std::string content(bytes, 'x');
    EXPECT_EQ(Get(Put(content)), content);
  }
}

TEST_F(BlobStoreTest, KeepsOneOfTwoEqualBlobs) {
  const std::string name = Put("content");
  const auto again = store_.Put(kCleo, MemoryWith("content"), Readers::kOwner);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->existed);
  EXPECT_EQ(again->blob.readers, Readers::kOwner);
  const auto opened =
      store_.Put(kCleo, MemoryWith("content"), Readers::kEveryone);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->blob.readers, Readers::kEveryone);
  const auto kept = store_.Put(kCleo, MemoryWith("content"), Readers::kOwner);
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(kept->blob.readers, Readers::kEveryone);
  EXPECT_EQ(Get(name, kDan), "content");
}

TEST_F(BlobStoreTest, PutsInPieces) {
  auto put = store_.BeginPut(kCleo);
  ASSERT_TRUE(put.ok());
  EXPECT_TRUE(put->Append("con").ok());
  EXPECT_TRUE(put->Append("").ok());
  EXPECT_TRUE(put->Append("tent").ok());
  const auto result = put->Finish(Readers::kOwner);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->blob.key.name, NameOfBlob("content"));
  EXPECT_EQ(Get(result->blob.key.name), "content");
}

TEST_F(BlobStoreTest, AnUnfinishedPutLeavesNothing) {
  for (int i = 0; i < 100; ++i) {
    auto put = store_.BeginPut(kCleo);
    ASSERT_TRUE(put.ok()) << put.status();
    ASSERT_TRUE(put->Append(std::string(100000, 'x')).ok());
  }
  auto too_large = store_.BeginPut(kCleo);
  ASSERT_TRUE(too_large.ok());
  EXPECT_TRUE(too_large->Append(std::string(1 << 20, 'x')).ok());
  EXPECT_EQ(too_large->Append("x").code(),
            absl::StatusCode::kResourceExhausted);
  auto empty = store_.BeginPut(kCleo);
  ASSERT_TRUE(empty.ok());
  EXPECT_EQ(empty->Finish(Readers::kOwner).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(BlobStoreTest, ShowsNobodyElseABlobUnlessEveryoneMayReadIt) {
  const std::string secret = Put("secret");
  const std::string open = Put("open", kCleo, Readers::kEveryone);
  EXPECT_EQ(store_.Stat(kDan, {secret, {}}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(store_.Remove(kDan, {secret, kCleo}).code(),
            absl::StatusCode::kNotFound)
      << "it does not say that it is there";
  EXPECT_EQ(store_.PinBlob(kDan, {secret, {}}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Get(open, kDan), "open");
  const absl::Status refused = store_.Remove(kDan, {open, {}});
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("user 2000"));
  EXPECT_EQ(Get(secret, kSuperuser), "secret");
  EXPECT_TRUE(store_.Remove(kSuperuser, {secret, {}}).ok());
  EXPECT_TRUE(store_.Remove(kCleo, {open, {}}).ok());
}

TEST_F(BlobStoreTest, UsersHaveBlobsOfOneNameEach) {
  const std::string name = Put("same");
  EXPECT_EQ(Put("same", kDan), name);
  EXPECT_TRUE(store_.Remove(kCleo, {name, {}}).ok());
  EXPECT_EQ(Get(name, kDan), "same");
  EXPECT_THAT(Get(name, kCleo), HasSubstr("no blob"));
}

TEST_F(BlobStoreTest, SaysThatANameIsNone) {
  for (const std::string& name :
       {std::string(), std::string("abc"), std::string(64, 'G'),
        std::string(65, 'a'), std::string("../../etc/passwd\n")}) {
    const auto stat = store_.Stat(kCleo, {name, {}});
    EXPECT_EQ(stat.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(stat.status().message()), HasSubstr("64"));
  }
}

TEST_F(BlobStoreTest, WhatWasGotOutlivesTheBlob) {
  const std::string name = Put("content");
  const auto content = store_.Get(kCleo, {name, {}});
  ASSERT_TRUE(content.ok());
  EXPECT_TRUE(store_.Remove(kCleo, {name, {}}).ok());
  EXPECT_EQ(testing::ReadRest(content->memory.get()), "content");
}

TEST_F(BlobStoreTest, EvictsMemoryAndItsDescriptor) {
  const auto before = testing::TakeCensus();
  for (int i = 0; i < 50; ++i) {
    Put(std::to_string(i) + std::string(100000, 'x'), kCleo + i);
  }
  EXPECT_EQ(testing::TakeCensus().size(), before.size() + 10);
}

TEST_F(BlobStoreTest, ALeaseReleasesWhatItPins) {
  const std::string name =
      Put(std::string(1000000, 'x'), kCleo, Readers::kEveryone);
  {
    Lease lease(store_, kDan);
    ASSERT_TRUE(lease.PinBlob({name, {}}).ok());
    EXPECT_FALSE(lease.PinBlob({std::string(64, '0'), {}}).ok());
    EXPECT_EQ(store_.Stat(kCleo, {name, {}})->pins, 1u);
    const auto refused =
        store_.Put(kDan, MemoryWith(std::string(100000, 'y')), Readers::kOwner);
    EXPECT_THAT(std::string(refused.status().message()),
                HasSubstr("--capacity"));
    EXPECT_TRUE(lease.Release({name, {}}).ok());
    EXPECT_EQ(lease.Release({name, {}}).status().code(),
              absl::StatusCode::kFailedPrecondition);
    EXPECT_TRUE(lease.PinBlob({name, kCleo}).ok());
  }
  EXPECT_EQ(store_.Stat(kCleo, {name, {}})->pins, 0u);
  Put(std::string(100000, 'y'), kDan);
  EXPECT_THAT(Get(name), HasSubstr("no blob"));
}

TEST_F(BlobStoreTest, ABlobWhoseMakerTakesPermissionsAwayIsCopied) {
  EXPECT_EQ(testing::InChild([this] {
              testing::BecomeUnprivileged();
              UniqueFd memory = MemoryWith("content");
              const UniqueFd kept(fcntl(memory.get(), F_DUPFD_CLOEXEC, 0));
              const auto put =
                  store_.Put(kCleo, std::move(memory), Readers::kOwner);
              if (!put.ok() || fchmod(kept.get(), 0) < 0) return 1;
              const std::string name = put->blob.key.name;
              for (int i = 0; i < 3; ++i) {
                if (Get(name) != "content") return 2;
              }
              return store_.Stat(kCleo, {name, {}})->bytes == 7 ? 0 : 3;
            }),
            0);
}

TEST_F(BlobStoreTest, ABlobWhoseMakerTakesALeaseIsCopied) {
  EXPECT_EQ(testing::InChild([this] {
              signal(SIGIO, SIG_IGN);  // which tells that a lease must end
              // The kernel ends it after 45 seconds. Who waits is killed.
              alarm(30);
              UniqueFd memory = MemoryWith("content");
              const std::string path =
                  "/proc/self/fd/" + std::to_string(memory.get());
              const UniqueFd leased(open(path.c_str(), O_RDONLY | O_CLOEXEC));
              if (fcntl(leased.get(), F_SETLEASE, F_WRLCK) < 0) return 1;
              const auto put =
                  store_.Put(kCleo, std::move(memory), Readers::kOwner);
              if (!put.ok()) return 2;
              const auto got = store_.Get(kCleo, {put->blob.key.name, {}});
              if (!got.ok()) return 3;
              if (testing::ReadRest(got->memory.get()) != "content") return 4;
              if (fcntl(got->memory.get(), F_GETFL) & O_NONBLOCK) return 5;
              return 0;
            }),
            0);
}

TEST_F(BlobStoreTest, TellsThatABlobIsAddedAndOpenedOnce) {
  std::vector<std::pair<BlobEvent, Readers>> events;
  const uint64_t listener =
      store_.events().AddListener([&](BlobEvent event, const BlobInfo& blob) {
        events.emplace_back(event, blob.readers);
      });
  const std::string name = Put("content");
  Put("content");
  Put("content", kCleo, Readers::kEveryone);
  Put("content", kCleo, Readers::kEveryone);
  EXPECT_TRUE(store_.Remove(kCleo, {name, {}}).ok());
  using ::testing::Pair;
  EXPECT_THAT(events, ::testing::ElementsAre(
                          Pair(BlobEvent::kAdded, Readers::kOwner),
                          Pair(BlobEvent::kOpened, Readers::kEveryone),
                          Pair(BlobEvent::kRemoved, Readers::kEveryone)));
  store_.events().RemoveListener(listener);
}

TEST_F(BlobStoreTest, RemovalsCountAsOperations) {
  const std::string name = Put("content");
  std::vector<BlobStore::StreamedPut> puts;
  for (int i = 0; i < 8; ++i) puts.push_back(*store_.BeginPut(kCleo));
  EXPECT_THAT(std::string(store_.Remove(kCleo, {name, {}}).message()),
              HasSubstr("in progress"));
  puts.pop_back();
  EXPECT_TRUE(store_.Remove(kCleo, {name, {}}).ok());
}

TEST_F(BlobStoreTest, ServesThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      for (int j = 0; j < 200; ++j) {
        const std::string content =
            std::to_string(j % 20) + std::string(30000, 'x');
        const std::string name = Put(content, kCleo + i % 2);
        Lease lease(store_, kCleo);
        static_cast<void>(lease.PinBlob({name, {}}));
        const auto got = store_.Get(kCleo + i % 2, {name, {}});
        if (got.ok()) {
          EXPECT_EQ(testing::ReadRest(got->memory.get()), content);
        }
        if (j % 7 == 0) {
          static_cast<void>(store_.Remove(kCleo + i % 2, {name, {}}));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BlobKey last;
  std::vector<BlobInfo> blobs;
  while (store_.NextBlobs(kSuperuser, 10, last, blobs)) continue;
  for (const BlobInfo& blob : blobs) EXPECT_EQ(blob.pins, 0u);
}

}  // namespace
}  // namespace fdrpc::blobstore
