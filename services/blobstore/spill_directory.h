#ifndef FDRPC_SERVICES_BLOBSTORE_SPILL_DIRECTORY_H_
#define FDRPC_SERVICES_BLOBSTORE_SPILL_DIRECTORY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fdrpc/shared_buffer.h"
#include "fdrpc/unique_fd.h"
#include "services/blobstore/blob_index.h"

namespace fdrpc::blobstore {

// Blobs on disk: a directory with one file for each, which contains the blob
// and nothing else. The name of the file has the hash, the owner and the
// readers, so that one rename(2) makes a blob complete, and changes it.
//
// A file gets its name when all of it is on the disk, so whenever the process
// is killed, each file that has such a name is whole. Owns the directory: two
// stores cannot have the same one.
//
// Threads: safe, but what is done with one blob comes in order.
class SpillDirectory {
 public:
  struct StoredBlob {
    BlobKey key;
    Readers readers = Readers::kOwner;
    uint64_t bytes = 0;
  };

  // Opens a directory that is there, which other users cannot write to, and
  // removes what a former store has not completed. FAILED_PRECONDITION if
  // something else is in it, or another store uses it.
  static absl::StatusOr<SpillDirectory> Open(const std::string& path);

  // Those that were there when it was opened; can be taken once.
  std::vector<StoredBlob> TakeBlobs() { return std::move(blobs_); }

  // A file that is written and has no name of a blob yet. The destructor
  // removes it, unless it was completed.
  class Draft {
   public:
    Draft(Draft&& other) noexcept
        : directory_(other.directory_), name_(std::exchange(other.name_, {})) {}
    ~Draft();

    // Gives it the name of the blob. Sync() makes that permanent.
    absl::Status Complete(const BlobKey& key, Readers readers);

   private:
    friend class SpillDirectory;
    Draft(int directory, std::string name)
        : directory_(directory), name_(std::move(name)) {}

    const int directory_;
    std::string name_;
  };
  // Returns when the bytes are on the disk. RESOURCE_EXHAUSTED if there is no
  // space.
  absl::StatusOr<Draft> Write(absl::Span<const std::byte> bytes);

  // Sealed memory with the content. DATA_LOSS if that has another hash.
  absl::StatusOr<SharedBuffer> Read(const BlobKey& key, Readers readers,
                                    uint64_t bytes) const;
  absl::Status OpenToEveryone(const BlobKey& key);
  absl::Status Remove(const BlobKey& key, Readers readers);
  // Makes what was completed, opened and removed before permanent.
  absl::Status Sync();

  // The name of a blob's file, and what such a name says.
  static std::string FileName(const BlobKey& key, Readers readers);
  static std::optional<StoredBlob> ParseFileName(std::string_view name);

 private:
  SpillDirectory(std::string path, UniqueFd directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}

  absl::Status Check() const;
  absl::Status Scan();
  // Of two files of one blob, the one that everyone may read stays.
  absl::Status ScanEntry(const std::string& name,
                         std::map<BlobKey, StoredBlob>& blobs);
  absl::Status Unlink(const std::string& name) const;

  std::string path_;
  UniqueFd directory_;
  std::vector<StoredBlob> blobs_;
};

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_SPILL_DIRECTORY_H_
