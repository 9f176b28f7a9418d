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
    // Of blobs, and as many again of what is pinned.
    uint64_t bytes = uint64_t{1} << 29;
    size_t blobs = 4096;
    // Puts, and loads from disk, at once: each keeps a processor busy.
    int operations = 8;
  };

  explicit UserAccounts(const Limits& limits) : limits_(limits) {}

  absl::Status AddOperation(uid_t user);
  void RemoveOperation(uid_t user);
  // `blobs` is 0 if an existing one grows.
  absl::Status AddBlob(uid_t user, uint64_t bytes, size_t blobs = 1);
  // Without a limit.
  void AddExistingBlob(uid_t user, uint64_t bytes);
  void RemoveBlob(uid_t user, uint64_t bytes);
  absl::Status AddPin(uid_t user, uint64_t bytes);
  void RemovePin(uid_t user, uint64_t bytes);

  // Those who have something.
  size_t users() const { return accounts_.size(); }

 private:
  struct Total {
    uint64_t bytes = 0;
    size_t blobs = 0;
  };
  struct Account {
    Total stored;
    Total pinned;
    int operations = 0;
  };

  void ForgetIfEmpty(uid_t user);

  const Limits limits_;
  std::map<uid_t, Account> accounts_;
};

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_USER_ACCOUNTS_H_
