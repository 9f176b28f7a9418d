#ifndef FDRPC_SERVICES_BLOBSTORE_USER_ACCOUNTS_H_
#define FDRPC_SERVICES_BLOBSTORE_USER_ACCOUNTS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>

#include "absl/status/status.h"

namespace fdrpc::blobstore {

// What each user of a store has in it, pins, and does, and the limits on that.
// Pure state. The errors are RESOURCE_EXHAUSTED with the limit and what to do.
//
// Threads: like a container.
class UserAccounts {
 public:
  struct Limits {
    // Of blobs, in memory and on disk.
    uint64_t bytes = uint64_t{1} << 29;
    size_t blobs = 512;
    // Of what cannot be evicted: blobs that the user pins, puts and loads.
    uint64_t held_bytes = uint64_t{1} << 29;
    size_t held_blobs = 512;
    size_t pins = 4096;
    // Puts, loads from disk, and removals, at once.
    int operations = 8;
    // Of all users: operations that keep a thread.
    int busy_threads = 60;
  };

  explicit UserAccounts(const Limits& limits) : limits_(limits) {}

  absl::Status AddOperation(uid_t user);
  void RemoveOperation(uid_t user);
  // While an operation hashes, copies or uses the disk.
  absl::Status AddBusyThread();
  void RemoveBusyThread() { --busy_threads_; }
  // `blobs` is 0 if an existing one grows.
  absl::Status AddBlob(uid_t user, uint64_t bytes, size_t blobs = 1);
  // Without a limit.
  void AddExistingBlob(uid_t user, uint64_t bytes);
  void RemoveBlob(uid_t user, uint64_t bytes, size_t blobs = 1);
  // What is being put.
  absl::Status Hold(uid_t user, uint64_t bytes, size_t blobs = 1);
  void Unhold(uid_t user, uint64_t bytes);
  // What is pinned, or loaded: a blob is held once, however often it is pinned.
  absl::Status AddPin(uid_t user, uint64_t blob_id, uint64_t bytes);
  void RemovePin(uid_t user, uint64_t blob_id, uint64_t bytes);

  // Those who have something.
  size_t users() const { return accounts_.size(); }

 private:
  struct Total {
    uint64_t bytes = 0;
    size_t blobs = 0;
  };
  struct Account {
    Total stored;
    Total held;
    std::map<uint64_t, size_t> pins;  // of each blob, by its id
    size_t all_pins = 0;
    int operations = 0;
  };

  void ForgetIfEmpty(uid_t user);

  const Limits limits_;
  std::map<uid_t, Account> accounts_;
  int busy_threads_ = 0;
};

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_USER_ACCOUNTS_H_
