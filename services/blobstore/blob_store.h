#ifndef FDRPC_SERVICES_BLOBSTORE_BLOB_STORE_H_
#define FDRPC_SERVICES_BLOBSTORE_BLOB_STORE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/shared_buffer.h"
#include "fdrpc/shared_fd.h"
#include "fdrpc/unique_fd.h"
#include "services/blobstore/blob_events.h"
#include "services/blobstore/blob_index.h"
#include "services/blobstore/memory_writer.h"
#include "services/blobstore/sha256.h"
#include "services/blobstore/spill_directory.h"

namespace fdrpc::blobstore {

// How a caller names a blob (blobstore.proto).
struct BlobRef {
  std::string name;
  std::optional<uid_t> owner;
};

// Blobs in memory and, with a spill directory, on disk. Owns the memory files.
// Its statuses are those of fdrpc.blobstore.v1.BlobStore.
//
// Threads: safe. Hashing, copying, and writing to disk, which take long, are
// done without its lock, on the thread of the caller.
class BlobStore {
 public:
  // With a spill directory, it has the blobs that are there from the beginning;
  // a put returns when the blob is on disk, and eviction leaves it there.
  explicit BlobStore(const BlobIndex::Limits& limits,
                     std::optional<SpillDirectory> spill = std::nullopt);

  struct PutResult {
    BlobInfo blob;
    bool existed = false;
  };
  // Takes any descriptor, and refuses all but sealed memory files.
  absl::StatusOr<PutResult> Put(uid_t user, UniqueFd content, Readers readers);
  class StreamedPut;
  absl::StatusOr<StreamedPut> BeginPut(uid_t user);

  struct Content {
    UniqueFd memory;  // read-only, with an offset of its own
    BlobInfo blob;
  };
  absl::StatusOr<Content> Get(uid_t caller, const BlobRef& ref);
  absl::StatusOr<BlobInfo> Stat(uid_t caller, const BlobRef& ref) const;
  absl::Status Remove(uid_t caller, const BlobRef& ref);
  // As BlobIndex::NextBlobs().
  bool NextBlobs(uid_t caller, size_t most, BlobKey& key,
                 std::vector<BlobInfo>& blobs) const;

  absl::StatusOr<Pin> PinBlob(uid_t caller, const BlobRef& ref);
  void Release(uid_t caller, const Pin& pin);

  // Tells what happens to blobs, in order.
  BlobEvents& events() { return events_; }

 private:
  // A reservation, which is cancelled unless it is used.
  class Room {
   public:
    Room(BlobStore& store, const Reservation& reservation)
        : store_(&store), reservation_(reservation) {}
    Room(Room&& other) noexcept
        : store_(std::exchange(other.store_, nullptr)),
          reservation_(other.reservation_) {}
    ~Room();

    Reservation& reservation() { return reservation_; }
    // With the lock: it was made a blob.
    void Used() { store_ = nullptr; }

   private:
    BlobStore* store_;
    Reservation reservation_;
  };
  // An operation that keeps a thread, as long as it lives.
  class Work {
   public:
    // `remover` is the user whose operation it is, if no reservation is.
    Work(BlobStore& store, std::optional<uid_t> remover)
        : store_(&store), remover_(remover) {}
    Work(Work&& other) noexcept
        : store_(std::exchange(other.store_, nullptr)),
          remover_(other.remover_) {}
    ~Work();

   private:
    BlobStore* store_;
    std::optional<uid_t> remover_;
  };
  // Memory that is to be freed without the lock, because that takes long.
  using Freed = std::vector<SharedFd>;

  absl::StatusOr<Work> BeginWork(std::optional<uid_t> remover = std::nullopt);
  absl::StatusOr<Room> Reserve(const Reservation& wanted);
  absl::Status Grow(Room& room, uint64_t bytes);
  absl::StatusOr<PutResult> Add(Room room, const SharedBuffer& memory,
                                const std::string& name, Readers readers);
  // The same result, once what was put is permanent. Then listeners are told.
  absl::StatusOr<PutResult> Durable(absl::StatusOr<PutResult> put);
  // With the lock: tells that a blob is gone, to those who knew it.
  void PublishGone(BlobEvent event, BlobInfo blob);
  // With the lock: what is there already, if there is something.
  absl::StatusOr<std::optional<PutResult>> Existing(const BlobKey& key,
                                                    Readers readers);
  // The memory of a blob that was found on disk only.
  absl::StatusOr<SharedFd> Load(uid_t caller, BlobInfo blob);
  // With the lock: forgets a blob whose file is damaged.
  void DropDamaged(const BlobKey& key);
  // Replaces memory that its maker does not let others open by a copy of it.
  absl::StatusOr<SharedFd> CopyMemory(uid_t caller, const BlobInfo& blob,
                                      const SharedFd& memory);

  // With the lock.
  absl::StatusOr<const BlobInfo*> Resolve(uid_t caller,
                                          const BlobRef& ref) const;
  void Drop(const Evicted& evicted, Freed& freed);
  void DropMemory(const BlobKey& key, Freed& freed);

  mutable std::mutex mutex_;
  BlobIndex index_;
  std::map<BlobKey, SharedFd> memory_;  // sealed
  std::optional<SpillDirectory> spill_;
  BlobEvents events_;
  // What listeners are told of a blob, by its id, once that is permanent.
  std::map<uint64_t, BlobEvent> untold_;
};

// A blob that is put in pieces. Dropped without Finish(), it leaves nothing.
class BlobStore::StreamedPut {
 public:
  absl::Status Append(std::string_view bytes);
  absl::StatusOr<PutResult> Finish(Readers readers);

 private:
  friend class BlobStore;

  StreamedPut(BlobStore& store, Room room, MemoryWriter memory)
      : store_(store), room_(std::move(room)), memory_(std::move(memory)) {}

  BlobStore& store_;
  Room room_;
  MemoryWriter memory_;
  Sha256 hash_;
};

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_BLOB_STORE_H_
