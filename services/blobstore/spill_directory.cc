#include "services/blobstore/spill_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/blobstore/sha256.h"
#include "services/program/copy.h"

namespace fdrpc::blobstore {
namespace {

constexpr char kDraftPrefix[] = "draft.";
constexpr char kOwnerSuffix[] = "owner";
constexpr char kEveryoneSuffix[] = "everyone";

const char* SuffixOf(Readers readers) {
  return readers == Readers::kEveryone ? kEveryoneSuffix : kOwnerSuffix;
}

absl::Status SpillError(const std::string& what) {
  const int error = errno;
  const std::string text = absl::StrCat("spill directory: ", what);
  // absl's own choice for EDQUOT and EFBIG is another.
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return absl::ResourceExhaustedError(
        absl::StrCat(text, ": there is no space; remove some blobs first"));
  }
  return absl::ErrnoToStatus(error, text);
}

}  // namespace

absl::StatusOr<SpillDirectory> SpillDirectory::Open(const std::string& path) {
  UniqueFd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) return absl::ErrnoToStatus(errno, path);
  SpillDirectory spill(path, std::move(directory));
  if (absl::Status usable = spill.Check(); !usable.ok()) return usable;
  if (absl::Status scanned = spill.Scan(); !scanned.ok()) return scanned;
  return spill;
}

absl::Status SpillDirectory::Check() const {
  struct stat info = {};
  if (fstat(directory_.get(), &info) < 0) {
    return absl::ErrnoToStatus(errno, path_);
  }
  if (info.st_uid != geteuid() || (info.st_mode & 022) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        path_,
        ": other users could put files there; it has to belong to the user of "
        "the store, and to be writable for no other (chmod 700)"));
  }
  if (flock(directory_.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK) return absl::ErrnoToStatus(errno, path_);
    return absl::FailedPreconditionError(
        absl::StrCat(path_, ": another store uses it"));
  }
  return absl::OkStatus();
}

absl::Status SpillDirectory::Scan() {
  // fdopendir(3) takes the descriptor, and its offset is shared.
  const int again = openat(directory_.get(), ".", O_RDONLY | O_CLOEXEC);
  if (again < 0) return absl::ErrnoToStatus(errno, path_);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(again), closedir);
  if (entries == nullptr) {
    close(again);
    return absl::ErrnoToStatus(errno, path_);
  }
  std::map<BlobKey, StoredBlob> blobs;
  while (true) {
    errno = 0;
    const dirent* entry = readdir(entries.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || name == "lost+found") continue;
    if (absl::Status scanned = ScanEntry(name, blobs); !scanned.ok()) {
      return scanned;
    }
  }
  if (errno != 0) return absl::ErrnoToStatus(errno, path_);
  for (auto& [key, blob] : blobs) blobs_.push_back(std::move(blob));
  return Sync();
}

absl::Status SpillDirectory::ScanEntry(const std::string& name,
                                       std::map<BlobKey, StoredBlob>& blobs) {
  struct stat info = {};
  if (fstatat(directory_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat(path_, "/", name));
  }
  std::optional<StoredBlob> blob = ParseFileName(name);
  const bool is_draft = std::string_view(name).starts_with(kDraftPrefix);
  if (!S_ISREG(info.st_mode) || (!blob.has_value() && !is_draft)) {
    return absl::FailedPreconditionError(absl::StrCat(
        path_, "/", name,
        ": this is not of a blob store; give it a directory of its own"));
  }
  if (is_draft) return Unlink(name);
  blob->bytes = static_cast<uint64_t>(info.st_size);
  const auto [known, added] = blobs.try_emplace(blob->key, *blob);
  if (added) return absl::OkStatus();
  // A former store could not remove one of them.
  if (blob->readers == Readers::kEveryone) known->second = *blob;
  return Unlink(FileName(blob->key, Readers::kOwner));
}

absl::Status SpillDirectory::Unlink(const std::string& name) const {
  if (unlinkat(directory_.get(), name.c_str(), 0) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat(path_, "/", name));
}

absl::StatusOr<SpillDirectory::Draft> SpillDirectory::Write(
    absl::Span<const std::byte> bytes) {
  static std::atomic<uint64_t> last{0};
  const std::string name = absl::StrCat(kDraftPrefix, ++last);
  const UniqueFd file(openat(directory_.get(), name.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.ok()) return SpillError("creating a file");
  Draft draft(directory_.get(), name);
  if (!program::WriteAll(
          file.get(),
          {reinterpret_cast<const char*>(bytes.data()), bytes.size()})) {
    return SpillError("writing");
  }
  if (fsync(file.get()) < 0) return SpillError("fsync");
  return draft;
}

SpillDirectory::Draft::~Draft() {
  if (!name_.empty()) unlinkat(directory_, name_.c_str(), 0);
}

absl::Status SpillDirectory::Draft::Complete(const BlobKey& key,
                                             Readers readers) {
  if (renameat(directory_, name_.c_str(), directory_,
               FileName(key, readers).c_str()) < 0) {
    return SpillError("rename");
  }
  name_.clear();
  return absl::OkStatus();
}

absl::StatusOr<SharedBuffer> SpillDirectory::Read(const BlobKey& key,
                                                  Readers readers,
                                                  uint64_t bytes) const {
  const UniqueFd file(openat(directory_.get(), FileName(key, readers).c_str(),
                             O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  const absl::Status damaged = absl::DataLossError(absl::StrCat(
      "the file of the blob ", key.name,
      " in the spill directory is not what was put; put the blob again"));
  if (!file.ok()) return errno == ENOENT ? damaged : SpillError("opening");
  if (bytes == 0) return damaged;
  absl::StatusOr<SharedBuffer> memory = SharedBuffer::Create(bytes);
  if (!memory.ok()) return memory.status();
  const std::optional<size_t> length = program::ReadUpTo(
      file.get(), reinterpret_cast<char*>(memory->writable().data()), bytes);
  if (!length.has_value()) return SpillError("reading");
  // Before the hash is computed, nobody else has the memory.
  if (*length != bytes || Sha256Of(memory->data()) != key.name) return damaged;
  if (const auto sealed = memory->Seal(); !sealed.ok()) return sealed.status();
  return memory;
}

absl::Status SpillDirectory::OpenToEveryone(const BlobKey& key) {
  if (renameat(directory_.get(), FileName(key, Readers::kOwner).c_str(),
               directory_.get(),
               FileName(key, Readers::kEveryone).c_str()) < 0) {
    return SpillError("rename");
  }
  return absl::OkStatus();
}

absl::Status SpillDirectory::Remove(const BlobKey& key, Readers readers) {
  if (unlinkat(directory_.get(), FileName(key, readers).c_str(), 0) < 0 &&
      errno != ENOENT) {
    return SpillError("unlink");
  }
  return absl::OkStatus();
}

absl::Status SpillDirectory::Sync() {
  if (fsync(directory_.get()) < 0) return SpillError("fsync of the directory");
  return absl::OkStatus();
}

std::string SpillDirectory::FileName(const BlobKey& key, Readers readers) {
  return absl::StrCat(key.name, ".", key.owner, ".", SuffixOf(readers));
}

std::optional<SpillDirectory::StoredBlob> SpillDirectory::ParseFileName(
    std::string_view name) {
  const std::vector<std::string> parts = absl::StrSplit(std::string(name), '.');
  StoredBlob blob;
  uint32_t owner = 0;
  if (parts.size() != 3 || !IsSha256(parts[0]) ||
      !absl::SimpleAtoi(parts[1], &owner)) {
    return std::nullopt;
  }
  blob.key = {parts[0], owner};
  if (parts[2] == kEveryoneSuffix) blob.readers = Readers::kEveryone;
  // Also refuses other forms of the number.
  if (FileName(blob.key, blob.readers) != name) return std::nullopt;
  return blob;
}

}  // namespace fdrpc::blobstore
