// Blobs on disk: the directory, and the store with one.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/blobstore/blob_store.h"
#include "services/blobstore/spill_directory.h"
#include "tests/services/blobstore/memory_files.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::blobstore {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MemoryWith;
using testing::NameOfBlob;

constexpr uid_t kEve = 3000;
constexpr uid_t kFay = 3001;

class SpillTest : public ::testing::Test {
 protected:
  SpillTest() { chmod(dir_.path().c_str(), 0700); }

  // A store that begins with what is there; the former one is gone.
  void Start(uint64_t memory_bytes = 1 << 20) {
    store_.reset();
    absl::StatusOr<SpillDirectory> spill = SpillDirectory::Open(dir_.path());
    ASSERT_TRUE(spill.ok()) << spill.status();
    store_.emplace(BlobIndex::Limits{.memory_bytes = memory_bytes,
                                     .memory_blobs = 100,
                                     .user = {.bytes = 1 << 20, .blobs = 100}},
                   *std::move(spill));
  }
  std::string OpenError() {
    return std::string(SpillDirectory::Open(dir_.path()).status().message());
  }
  void Put(const std::string& content, uid_t user = kEve,
           Readers readers = Readers::kOwner) {
    const auto put = store_->Put(user, MemoryWith(content), readers);
    EXPECT_TRUE(put.ok()) << put.status();
  }
  std::string Get(const std::string& name, uid_t user = kEve) {
    const auto got = store_->Get(user, {name, {}});
    return got.ok() ? testing::ReadRest(got->memory.get())
                    : std::string(got.status().message());
  }
  std::set<std::string> Files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      names.insert(entry.path().filename());
    }
    return names;
  }
  void WriteFile(const std::string& name, const std::string& content) const {
    std::ofstream(dir_.file(name), std::ios::trunc) << content;
  }

  testing::ExpectSameDescriptors census_;
  testing::TempDir dir_;
  std::optional<BlobStore> store_;
};

TEST_F(SpillTest, NamesOfFilesSayAllOfABlobButItsContent) {
  const BlobKey key = {NameOfBlob("x"), 4294967294u};
  for (const Readers readers : {Readers::kOwner, Readers::kEveryone}) {
    const std::string name = SpillDirectory::FileName(key, readers);
    const auto parsed = SpillDirectory::ParseFileName(name);
    ASSERT_TRUE(parsed.has_value()) << name;
    EXPECT_EQ(parsed->key, key);
    EXPECT_EQ(parsed->readers, readers);
  }
  for (const std::string& wrong :
       {std::string("draft.1"), key.name, key.name + ".1", key.name + ".1.all",
        key.name + ".01.owner", key.name + ".-1.owner",
        key.name + ".4294967296.owner", key.name + ".1.owner.x",
        "A" + key.name.substr(1) + ".1.owner"}) {
    EXPECT_FALSE(SpillDirectory::ParseFileName(wrong).has_value()) << wrong;
  }
}

TEST_F(SpillTest, ABlobIsAFileWithItsContent) {
  Start();
  Put("content");
  Put("open", kFay, Readers::kEveryone);
  EXPECT_THAT(Files(), ::testing::UnorderedElementsAre(
                           NameOfBlob("content") + ".3000.owner",
                           NameOfBlob("open") + ".3001.everyone"));
  const UniqueFd file(
      open(dir_.file(NameOfBlob("content") + ".3000.owner").c_str(),
           O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(testing::ReadRest(file.get()), "content");
}

TEST_F(SpillTest, AStoreBeginsWithWhatTheFormerOneHad) {
  Start();
  Put("content");
  Put("open", kFay, Readers::kEveryone);
  Start();
  const auto blob = store_->Stat(kEve, {NameOfBlob("content"), {}});
  ASSERT_TRUE(blob.ok());
  EXPECT_FALSE(blob->in_memory);
  EXPECT_TRUE(blob->on_disk);
  EXPECT_EQ(blob->bytes, 7u);
  EXPECT_EQ(Get(NameOfBlob("content")), "content");
  EXPECT_TRUE(store_->Stat(kEve, {NameOfBlob("content"), {}})->in_memory);
  EXPECT_EQ(Get(NameOfBlob("open")), "open");
  EXPECT_THAT(Get(NameOfBlob("content"), kFay), HasSubstr("no blob"));
}

TEST_F(SpillTest, EvictionLeavesABlobOnDisk) {
  Start(100000);
  const std::string a(60000, 'a');
  const std::string b(60000, 'b');
  Put(a);
  Put(b);
  EXPECT_FALSE(store_->Stat(kEve, {NameOfBlob(a), {}})->in_memory);
  EXPECT_TRUE(Get(NameOfBlob(a)) == a);
  EXPECT_FALSE(store_->Stat(kEve, {NameOfBlob(b), {}})->in_memory);
  EXPECT_TRUE(Get(NameOfBlob(b)) == b);
}

TEST_F(SpillTest, ReadersAndRemovalReachTheDisk) {
  Start();
  Put("content");
  Put("content", kEve, Readers::kEveryone);
  EXPECT_THAT(Files(), ElementsAre(NameOfBlob("content") + ".3000.everyone"));
  Start();
  EXPECT_EQ(Get(NameOfBlob("content"), kFay), "content");
  Start();
  // One that is not in memory.
  Put("content");
  EXPECT_EQ(Files().size(), 1u);
  EXPECT_TRUE(store_->Remove(kEve, {NameOfBlob("content"), {}}).ok());
  EXPECT_TRUE(Files().empty());
}

TEST_F(SpillTest, RemovesWhatWasNotCompleted) {
  WriteFile("draft.1", "part");
  WriteFile("draft.77", "");
  Start();
  EXPECT_TRUE(Files().empty());
  Put("content");
  EXPECT_EQ(Files().size(), 1u);
}

TEST_F(SpillTest, KeepsTheFileOfEveryoneIfABlobHasTwo) {
  for (const char* name : {"a", "b", "c"}) {
    WriteFile(NameOfBlob(name) + ".3000.owner", "part of it");
    WriteFile(NameOfBlob(name) + ".3000.everyone", name);
  }
  WriteFile(NameOfBlob("a") + ".3001.owner", "a");
  Start();
  EXPECT_THAT(Files(), ::testing::UnorderedElementsAre(
                           NameOfBlob("a") + ".3000.everyone",
                           NameOfBlob("b") + ".3000.everyone",
                           NameOfBlob("c") + ".3000.everyone",
                           NameOfBlob("a") + ".3001.owner"));
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(Get(NameOfBlob(name), kFay), name);
    EXPECT_EQ(store_->Stat(kFay, {NameOfBlob(name), kEve})->bytes, 1u);
  }
}

TEST_F(SpillTest, AFileThatCannotBeMadeIsLeftAlone) {
  Start();
  // Names of all drafts that may come next.
  for (int i = 1; i < 1000; ++i) {
    WriteFile("draft." + std::to_string(i), "not the store's");
  }
  EXPECT_EQ(store_->Put(kEve, MemoryWith("x"), Readers::kOwner).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Files().size(), 999u);
}

TEST_F(SpillTest, APutThatCannotBeMadePermanentLeavesNothing) {
  Start();
  int events = 0;
  store_->events().AddListener([&](BlobEvent, const BlobInfo&) { ++events; });
  // The same directory, but fsync(2) of it fails.
  const UniqueFd path_only(open(dir_.path().c_str(), O_PATH | O_CLOEXEC));
  int replaced = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    std::error_code error;
    if (fd == path_only.get() ||
        std::filesystem::read_symlink(entry.path(), error) != dir_.path()) {
      continue;
    }
    ASSERT_EQ(dup3(path_only.get(), fd, O_CLOEXEC), fd);
    ++replaced;
  }
  ASSERT_EQ(replaced, 1);
  const auto put = store_->Put(kEve, MemoryWith("x"), Readers::kOwner);
  EXPECT_THAT(std::string(put.status().message()), HasSubstr("fsync"));
  EXPECT_THAT(Get(NameOfBlob("x")), HasSubstr("no blob"));
  EXPECT_TRUE(Files().empty());
  EXPECT_EQ(events, 0);
}

TEST_F(SpillTest, WhatKeepsAThreadIsLimited) {
  Start();
  Put("content");
  store_.reset();
  absl::StatusOr<SpillDirectory> spill = SpillDirectory::Open(dir_.path());
  ASSERT_TRUE(spill.ok());
  store_.emplace(BlobIndex::Limits{.user = {.busy_threads = 0}},
                 *std::move(spill));
  const auto is_refused = [](const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(status.message()), HasSubstr("for all users"));
  };
  const BlobRef ref = {NameOfBlob("content"), {}};
  is_refused(store_->Put(kEve, MemoryWith("x"), Readers::kOwner).status());
  is_refused(store_->Get(kEve, ref).status());
  is_refused(store_->Remove(kEve, ref));
  auto stream = store_->BeginPut(kEve);
  ASSERT_TRUE(stream.ok()) << "it keeps no thread yet";
  EXPECT_TRUE(stream->Append("x").ok());
  is_refused(stream->Finish(Readers::kOwner).status());
  EXPECT_TRUE(store_->Stat(kEve, ref).ok());
}

TEST_F(SpillTest, FindsDamageBeforeAnybodyGetsIt) {
  Start();
  for (const std::string& damage :
       {std::string("CONTENT"), std::string("cont"), std::string(),
        std::string("content and more")}) {
    Put("content");
    store_.reset();
    WriteFile(NameOfBlob("content") + ".3000.owner", damage);
    Start();
    const auto got = store_->Get(kEve, {NameOfBlob("content"), {}});
    EXPECT_EQ(got.status().code(), absl::StatusCode::kDataLoss) << damage;
    EXPECT_THAT(std::string(got.status().message()), HasSubstr("put the blob"));
    EXPECT_TRUE(Files().empty());
    EXPECT_THAT(Get(NameOfBlob("content")), HasSubstr("no blob"));
    Put("content");
    EXPECT_EQ(Get(NameOfBlob("content")), "content");
  }
}

TEST_F(SpillTest, RefusesADirectoryThatIsNotItsOwn) {
  chmod(dir_.path().c_str(), 0770);
  EXPECT_THAT(OpenError(), HasSubstr("chmod 700"));
  chmod(dir_.path().c_str(), 0700);
  WriteFile("notes.txt", "");
  EXPECT_THAT(OpenError(), HasSubstr("notes.txt: this is not of a blob store"));
  EXPECT_THAT(Files(), ElementsAre("notes.txt"));
  std::filesystem::remove(dir_.file("notes.txt"));
  std::filesystem::create_symlink("/etc/passwd",
                                  dir_.file(NameOfBlob("x") + ".3000.owner"));
  EXPECT_THAT(OpenError(), HasSubstr("this is not of a blob store"));
  std::filesystem::remove(dir_.file(NameOfBlob("x") + ".3000.owner"));
  Start();
  EXPECT_THAT(OpenError(), HasSubstr("another store uses it"));
  EXPECT_EQ(SpillDirectory::Open(dir_.file("none")).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace fdrpc::blobstore
