// Least-recently-used eviction, pins and reservations, without any memory.
#include "services/blobstore/blob_index.h"

#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc::blobstore {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Purpose = Reservation::Purpose;

constexpr uid_t kAnn = 1000;
constexpr uid_t kBen = 1001;
constexpr uid_t kRoot = 0;

class BlobIndexTest : public ::testing::Test {
 protected:
  // Puts a blob; its name need not be a hash here. Returns what was evicted.
  std::vector<std::string> Put(const std::string& name, uint64_t bytes,
                               uid_t user = kAnn,
                               Readers readers = Readers::kOwner,
                               bool on_disk = false) {
    Evicted evicted;
    const absl::StatusOr<Reservation> room =
        index_.Reserve({Purpose::kPut, user, bytes}, evicted);
    EXPECT_TRUE(room.ok()) << room.status();
    if (room.ok()) index_.Add(*room, {name, user}, readers, on_disk);
    return NamesOf(evicted);
  }
  std::string ReserveError(uint64_t bytes, uid_t user = kAnn) {
    Evicted evicted;
    const absl::Status status =
        index_.Reserve({Purpose::kPut, user, bytes}, evicted).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(evicted, IsEmpty());
    return std::string(status.message());
  }
  static std::vector<std::string> NamesOf(const Evicted& blobs) {
    std::vector<std::string> names;
    for (const BlobInfo& blob : blobs) names.push_back(blob.key.name);
    return names;
  }
  bool Has(const std::string& name, uid_t owner = kAnn) const {
    return index_.Find({name, owner}) != nullptr;
  }

  BlobIndex index_{{.memory_bytes = 100,
                    .memory_blobs = 5,
                    .user = {.bytes = 90,
                             .blobs = 8,
                             .held_bytes = 90,
                             .held_blobs = 3,
                             .pins = 4,
                             .operations = 2}}};
};

TEST_F(BlobIndexTest, EvictsThoseThatWereUsedLeastRecently) {
  EXPECT_THAT(Put("a", 30), IsEmpty());
  EXPECT_THAT(Put("b", 30), IsEmpty());
  EXPECT_THAT(Put("c", 30), IsEmpty());
  index_.Touch({"a", kAnn});
  EXPECT_THAT(Put("d", 60, kBen), ElementsAre("b", "c"));
  EXPECT_TRUE(Has("a"));
  EXPECT_FALSE(Has("b"));
  EXPECT_EQ(index_.memory_bytes(), 90u);
}

TEST_F(BlobIndexTest, EvictsNoMoreThanItHasTo) {
  Put("a", 10);
  Put("b", 40);
  EXPECT_THAT(Put("c", 50, kBen), IsEmpty());
  EXPECT_THAT(Put("d", 10, kBen), ElementsAre("a"));
}

TEST_F(BlobIndexTest, EvictsBeyondTheNumberOfBlobsToo) {
  for (const char* name : {"a", "b", "c", "d", "e"}) Put(name, 1);
  EXPECT_THAT(Put("f", 1), ElementsAre("a"));
  EXPECT_EQ(index_.memory_blobs(), 5u);
}

TEST_F(BlobIndexTest, NeverEvictsPinnedBlobs) {
  Put("a", 40);
  Put("b", 40);
  const absl::StatusOr<Pin> pin = index_.PinBlob(kBen, {"a", kAnn});
  ASSERT_TRUE(pin.ok());
  EXPECT_THAT(Put("c", 50, kBen), ElementsAre("b"));
  EXPECT_THAT(ReserveError(61, kBen), HasSubstr("user 1001"));
  EXPECT_THAT(ReserveError(61, kRoot), HasSubstr("--capacity"));
  EXPECT_TRUE(Has("c", kBen)) << "nothing is evicted in vain";
  index_.Release(kBen, *pin);
  EXPECT_THAT(Put("d", 61, kRoot), ElementsAre("c", "a"))
      << "a released blob is the one that was used last";
}

TEST_F(BlobIndexTest, CountsPinsAndReleasesEachOnce) {
  Put("a", 40);
  const absl::StatusOr<Pin> first = index_.PinBlob(kAnn, {"a", kAnn});
  const absl::StatusOr<Pin> second = index_.PinBlob(kAnn, {"a", kAnn});
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(index_.Find({"a", kAnn})->pins, 2u);
  index_.Release(kAnn, *first);
  EXPECT_THAT(ReserveError(70, kBen), HasSubstr("pinned"));
  index_.Release(kAnn, *second);
  EXPECT_THAT(Put("b", 70, kBen), ElementsAre("a"));
}

TEST_F(BlobIndexTest, APinOfARemovedBlobIsNoneOfItsSuccessor) {
  Put("a", 40);
  const absl::StatusOr<Pin> pin = index_.PinBlob(kAnn, {"a", kAnn});
  ASSERT_TRUE(pin.ok());
  index_.Remove({"a", kAnn});
  Put("a", 40);
  EXPECT_EQ(index_.Find({"a", kAnn})->pins, 0u);
  const absl::StatusOr<Pin> other = index_.PinBlob(kAnn, {"a", kAnn});
  ASSERT_TRUE(other.ok());
  index_.Release(kAnn, *pin);
  EXPECT_EQ(index_.Find({"a", kAnn})->pins, 1u);
  index_.Release(kAnn, *other);
}

TEST_F(BlobIndexTest, LimitsWhatAUserPutsInBytesAndInBlobs) {
  Put("a", 60);
  EXPECT_THAT(ReserveError(31), HasSubstr("--user-bytes"));
  EXPECT_THAT(ReserveError(std::numeric_limits<uint64_t>::max()),
              HasSubstr("--user-bytes"));
  index_.Remove({"a", kAnn});
  EXPECT_THAT(ReserveError(91), HasSubstr("90"));
  // On disk, because the memory has room for fewer.
  for (int i = 0; i < 8; ++i) {
    Put(std::to_string(i), 1, kAnn, Readers::kOwner, /*on_disk=*/true);
  }
  EXPECT_THAT(ReserveError(1), HasSubstr("--user-blobs"));
  EXPECT_THAT(Put("x", 1, kBen), ElementsAre("3")) << "another user";
}

TEST_F(BlobIndexTest, LimitsWhatAUserKeepsFromBeingEvicted) {
  const auto message = [](const auto& result) {
    EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted);
    return std::string(result.status().message());
  };
  Put("a", 50);
  Put("b", 35);
  const absl::StatusOr<Pin> pin = index_.PinBlob(kBen, {"a", kAnn});
  ASSERT_TRUE(pin.ok());
  const absl::StatusOr<Pin> again = index_.PinBlob(kBen, {"a", kAnn});
  ASSERT_TRUE(again.ok()) << "the same blob counts once";
  EXPECT_THAT(ReserveError(41, kBen), HasSubstr("half of --capacity"));
  Evicted evicted;
  absl::StatusOr<Reservation> room =
      index_.Reserve({Purpose::kPut, kBen, 10}, evicted);
  ASSERT_TRUE(room.ok());
  EXPECT_FALSE(index_.Grow(*room, 31, evicted).ok());
  EXPECT_THAT(evicted, IsEmpty());
  EXPECT_THAT(message(index_.PinBlob(kBen, {"b", kAnn})),
              HasSubstr("user 1001 keeps 60 bytes"));
  EXPECT_TRUE(index_.PinBlob(kAnn, {"b", kAnn}).ok()) << "another user";
  index_.Cancel(*room);
  EXPECT_TRUE(index_.PinBlob(kBen, {"b", kAnn}).ok());
  index_.Release(kBen, *pin);
  EXPECT_THAT(ReserveError(41, kBen), HasSubstr("keeps 85")) << "one pin left";
  index_.Release(kBen, *again);
  EXPECT_THAT(ReserveError(60, kBen), HasSubstr("keeps 35"));
}

TEST_F(BlobIndexTest, LimitsTheNumberOfBlobsThatAUserKeeps) {
  for (const char* name : {"a", "b", "c", "d"}) Put(name, 1);
  std::vector<Pin> pins;
  for (const char* name : {"a", "b", "c", "c"}) {
    const absl::StatusOr<Pin> pin = index_.PinBlob(kBen, {name, kAnn});
    ASSERT_TRUE(pin.ok()) << pin.status();
    pins.push_back(*pin);
  }
  EXPECT_THAT(std::string(index_.PinBlob(kBen, {"c", kAnn}).status().message()),
              HasSubstr("4 pins"));
  index_.Release(kBen, pins.back());
  EXPECT_THAT(std::string(index_.PinBlob(kBen, {"d", kAnn}).status().message()),
              HasSubstr("keeps 3 blobs"));
  EXPECT_THAT(ReserveError(1, kBen), HasSubstr("keeps 3 blobs"));
  EXPECT_THAT(Put("e", 1), IsEmpty()) << "another user";
}

TEST_F(BlobIndexTest, ALoadOfAPinnedBlobCountsOnce) {
  index_.AddFromDisk({"a", kAnn}, 60, Readers::kEveryone);
  const absl::StatusOr<Pin> pin = index_.PinBlob(kBen, {"a", kAnn});
  ASSERT_TRUE(pin.ok());
  Evicted evicted;
  const auto room =
      index_.Reserve({Purpose::kLoad, kBen, 60, pin->id}, evicted);
  ASSERT_TRUE(room.ok()) << room.status();
  EXPECT_THAT(ReserveError(31, kBen), HasSubstr("keeps 60 bytes"));
  index_.Loaded(*room, {"a", kAnn});
  EXPECT_THAT(ReserveError(31, kBen), HasSubstr("keeps 60 bytes"));
  index_.Release(kBen, *pin);
  EXPECT_THAT(Put("b", 31, kBen), IsEmpty());
}

TEST_F(BlobIndexTest, LimitsWhatAUserDoesAtOnce) {
  Evicted evicted;
  const auto first = index_.Reserve({Purpose::kPut, kAnn, 1}, evicted);
  const auto second = index_.Reserve({Purpose::kLoad, kAnn, 1}, evicted);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_THAT(ReserveError(1), HasSubstr("in progress"));
  EXPECT_THAT(Put("b", 1, kBen), IsEmpty());
  index_.Cancel(*first);
  EXPECT_THAT(Put("a", 1), IsEmpty());
  index_.Cancel(*second);
}

TEST_F(BlobIndexTest, ACancelledReservationLeavesNothing) {
  Evicted evicted;
  absl::StatusOr<Reservation> room =
      index_.Reserve({Purpose::kPut, kAnn, 0}, evicted);
  ASSERT_TRUE(room.ok());
  EXPECT_TRUE(index_.Grow(*room, 50, evicted).ok());
  EXPECT_FALSE(index_.Grow(*room, 41, evicted).ok()) << "more than the quota";
  EXPECT_EQ(index_.memory_bytes(), 50u);
  index_.Cancel(*room);
  EXPECT_EQ(index_.memory_bytes(), 0u);
  EXPECT_EQ(index_.memory_blobs(), 0u);
  EXPECT_THAT(Put("a", 90), IsEmpty());
}

TEST_F(BlobIndexTest, ReservationsEvictAndAreNotEvicted) {
  Put("a", 60);
  Evicted evicted;
  absl::StatusOr<Reservation> room =
      index_.Reserve({Purpose::kPut, kBen, 0}, evicted);
  ASSERT_TRUE(room.ok());
  EXPECT_TRUE(index_.Grow(*room, 40, evicted).ok());
  EXPECT_THAT(evicted, IsEmpty());
  EXPECT_TRUE(index_.Grow(*room, 1, evicted).ok());
  EXPECT_THAT(NamesOf(evicted), ElementsAre("a"));
  EXPECT_THAT(ReserveError(60), HasSubstr("--capacity"));
  // Grow() that fails is counted until the cancellation.
  EXPECT_FALSE(index_.Grow(*room, 60, evicted).ok());
  index_.Cancel(*room);
  EXPECT_EQ(index_.memory_bytes(), 0u);
}

TEST_F(BlobIndexTest, WhatIsOnDiskLeavesOnlyTheMemory) {
  Put("a", 80, kAnn, Readers::kOwner, /*on_disk=*/true);
  EXPECT_THAT(Put("b", 30, kBen), ElementsAre("a"));
  ASSERT_TRUE(Has("a"));
  EXPECT_FALSE(index_.Find({"a", kAnn})->in_memory);
  EXPECT_THAT(ReserveError(11), HasSubstr("--user-bytes")) << "it counts still";
  Evicted evicted;
  const auto room = index_.Reserve({Purpose::kLoad, kAnn, 80}, evicted);
  ASSERT_TRUE(room.ok()) << room.status();
  EXPECT_THAT(NamesOf(evicted), ElementsAre("b"));
  index_.Loaded(*room, {"a", kAnn});
  EXPECT_TRUE(index_.Find({"a", kAnn})->in_memory);
  EXPECT_EQ(index_.memory_bytes(), 80u);
}

TEST_F(BlobIndexTest, ABlobThatIsPinnedOnDiskIsNotEvictedOnceItIsLoaded) {
  index_.AddFromDisk({"a", kAnn}, 80, Readers::kOwner);
  const absl::StatusOr<Pin> pin = index_.PinBlob(kAnn, {"a", kAnn});
  ASSERT_TRUE(pin.ok());
  Evicted evicted;
  const auto room =
      index_.Reserve({Purpose::kLoad, kAnn, 80, pin->id}, evicted);
  ASSERT_TRUE(room.ok());
  index_.Loaded(*room, {"a", kAnn});
  EXPECT_THAT(ReserveError(30, kBen), HasSubstr("--capacity"));
  index_.Release(kAnn, *pin);
  EXPECT_THAT(Put("b", 30, kBen), ElementsAre("a"));
}

TEST_F(BlobIndexTest, ShowsACallerItsOwnBlobsAndThoseOfEveryone) {
  Put("a", 1);
  Put("b", 1, kAnn, Readers::kEveryone);
  Put("b", 1, kBen);
  EXPECT_EQ(index_.Resolve(kAnn, "a", {})->key.owner, kAnn);
  EXPECT_EQ(index_.Resolve(kBen, "a", {}), nullptr);
  EXPECT_EQ(index_.Resolve(kBen, "a", kAnn), nullptr);
  EXPECT_EQ(index_.Resolve(kBen, "b", {})->key.owner, kBen) << "its own first";
  EXPECT_EQ(index_.Resolve(kBen, "b", kAnn)->key.owner, kAnn);
  EXPECT_EQ(index_.Resolve(kAnn, "b", kBen), nullptr);
  EXPECT_EQ(index_.Resolve(1002, "b", {})->key.owner, kAnn);
  EXPECT_EQ(index_.Resolve(kRoot, "a", {})->key.owner, kAnn);
  EXPECT_EQ(index_.Resolve(kRoot, "b", kBen)->key.owner, kBen);
  EXPECT_EQ(index_.Resolve(kRoot, "c", {}), nullptr);
  index_.OpenToEveryone({"a", kAnn});
  EXPECT_NE(index_.Resolve(kBen, "a", {}), nullptr);
  EXPECT_FALSE(BlobIndex::MayRemove(kBen, *index_.Find({"a", kAnn})));
  EXPECT_TRUE(BlobIndex::MayRemove(kRoot, *index_.Find({"a", kAnn})));
}

TEST_F(BlobIndexTest, ListsInPartsWhatACallerMayRead) {
  Put("c", 1);
  Put("a", 1, kBen);
  Put("b", 1, kAnn, Readers::kEveryone);
  Put("d", 1, kBen);
  BlobKey last;
  std::vector<BlobInfo> blobs;
  int parts = 1;
  while (index_.NextBlobs(kBen, 1, last, blobs)) ++parts;
  EXPECT_EQ(parts, 4);
  EXPECT_THAT(NamesOf(blobs), ElementsAre("a", "b", "d"));
}

TEST_F(BlobIndexTest, ForgetsUsersWhoHaveNothing) {
  UserAccounts accounts(
      {.bytes = 10, .blobs = 2, .operations = 1, .busy_threads = 1});
  EXPECT_FALSE(accounts.AddBlob(kAnn, 11).ok());
  EXPECT_EQ(accounts.users(), 0u);
  EXPECT_TRUE(accounts.AddBlob(kAnn, 10).ok());
  EXPECT_TRUE(accounts.AddPin(kBen, 1, 10).ok());
  EXPECT_TRUE(accounts.AddOperation(kRoot).ok());
  EXPECT_EQ(accounts.users(), 3u);
  accounts.RemoveBlob(kAnn, 10);
  accounts.RemovePin(kBen, 1, 10);
  accounts.RemoveOperation(kRoot);
  EXPECT_EQ(accounts.users(), 0u);
  EXPECT_TRUE(accounts.AddBusyThread().ok());
  EXPECT_THAT(std::string(accounts.AddBusyThread().message()),
              HasSubstr("limit for all users"));
  accounts.RemoveBusyThread();
  EXPECT_TRUE(accounts.AddBusyThread().ok());
}

}  // namespace
}  // namespace fdrpc::blobstore
