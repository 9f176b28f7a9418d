#ifndef FDRPC_SERVICES_BLOBSTORE_BLOB_INDEX_H_
#define FDRPC_SERVICES_BLOBSTORE_BLOB_INDEX_H_

#include <sys/types.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/blobstore/user_accounts.h"

namespace fdrpc::blobstore {

struct BlobKey {
  std::string name;
  uid_t owner = 0;
  auto operator<=>(const BlobKey&) const = default;
};

enum class Readers { kOwner, kEveryone };

struct BlobInfo {
  BlobKey key;
  uint64_t id = 0;  // one that is put again is another
  uint64_t bytes = 0;
  Readers readers = Readers::kOwner;
  uint32_t pins = 0;
  // At least one of the two.
  bool in_memory = false;
  bool on_disk = false;
};

// What left the memory to make room. Those that were not on disk are gone.
using Evicted = std::vector<BlobInfo>;

// Room for a blob that is being put, or loaded from disk: it counts like a
// blob.
struct Reservation {
  enum class Purpose { kPut, kLoad };
  Purpose purpose = Purpose::kPut;
  uid_t user = 0;
  uint64_t bytes = 0;
  uint64_t blob_id = 0;  // of a load
};

// One pin of a blob.
struct Pin {
  BlobKey key;
  uint64_t id = 0;  // of the blob
  uint64_t bytes = 0;
};

// Which blobs a store has, which of them are in memory, who pins them, and
// which are evicted next: those that were used least recently and are not
// pinned. Pure state: the memory and the files are the store's.
//
// Threads: like a container.
class BlobIndex {
 public:
  struct Limits {
    // Of what is in memory, including reservations.
    uint64_t memory_bytes = uint64_t{1} << 30;
    size_t memory_blobs = 1024;
    UserAccounts::Limits user;
  };

  explicit BlobIndex(const Limits& limits);

  // Reserves room for a blob, for which others may be evicted.
  // RESOURCE_EXHAUSTED, with the limit and what to do, if there is none. A load
  // does not count for the user's quota: the blob does already.
  absl::StatusOr<Reservation> Reserve(const Reservation& wanted,
                                      Evicted& evicted);
  // The same for more bytes of a put. After an error, cancel it.
  absl::Status Grow(Reservation& reservation, uint64_t bytes, Evicted& evicted);
  void Cancel(const Reservation& reservation);

  // Makes a blob of a put's reservation. There must be none with that key.
  const BlobInfo& Add(const Reservation& reservation, const BlobKey& key,
                      Readers readers, bool on_disk);
  // Notes that a blob, which still has to be there and not in memory, was
  // loaded into its reservation.
  void Loaded(const Reservation& reservation, const BlobKey& key);
  // A blob that is on disk when the store starts. No limit applies.
  void AddFromDisk(const BlobKey& key, uint64_t bytes, Readers readers);
  void OpenToEveryone(const BlobKey& key);
  void Remove(const BlobKey& key);

  // Null if there is none.
  const BlobInfo* Find(const BlobKey& key) const;
  // The blob that a caller means who may read it. Null if there is none.
  const BlobInfo* Resolve(uid_t caller, const std::string& name,
                          std::optional<uid_t> owner) const;
  static bool MayRead(uid_t caller, const BlobInfo& blob);
  static bool MayRemove(uid_t caller, const BlobInfo& blob);
  // Up to `most` blobs after `key` (all of them: an empty one) that the caller
  // may read. `key` becomes the last one that was looked at; false if there are
  // no more.
  bool NextBlobs(uid_t caller, size_t most, BlobKey& key,
                 std::vector<BlobInfo>& blobs) const;

  // Makes it the one that was used last.
  void Touch(const BlobKey& key);

  // Pins a blob, which must be there, for a user.
  absl::StatusOr<Pin> PinBlob(uid_t user, const BlobKey& key);
  // Once for each pin, also if the blob was removed.
  void Release(uid_t user, const Pin& pin);

  UserAccounts& accounts() { return accounts_; }
  size_t size() const { return entries_.size(); }
  uint64_t memory_bytes() const { return memory_bytes_; }
  size_t memory_blobs() const { return memory_blobs_; }

 private:
  // What a reservation costs its user.
  absl::Status Charge(const Reservation& reservation);
  void Discharge(const Reservation& reservation);

  using Order = std::list<BlobKey>;
  struct Entry {
    BlobInfo info;
    // Its place in `order_`, if it is in memory and not pinned.
    std::optional<Order::iterator> place;
  };

  // Evicts until there is room for so much more, or, if this cannot be,
  // nothing.
  absl::Status MakeRoom(uint64_t bytes, size_t blobs, Evicted& evicted);
  void EvictOldest(Evicted& evicted);
  Entry& At(const BlobKey& key);
  void Enqueue(Entry& entry);
  void Dequeue(Entry& entry);

  const Limits limits_;
  UserAccounts accounts_;
  std::map<BlobKey, Entry> entries_;
  Order order_;  // the one that was used least recently is the first
  uint64_t last_id_ = 0;
  // What is in memory, or reserved; and what of it could be evicted.
  uint64_t memory_bytes_ = 0;
  size_t memory_blobs_ = 0;
  uint64_t evictable_bytes_ = 0;
};

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_BLOB_INDEX_H_
