#ifndef FDRPC_SERVICES_BLOBSTORE_LEASE_H_
#define FDRPC_SERVICES_BLOBSTORE_LEASE_H_

#include <sys/types.h>

#include <map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/blobstore/blob_store.h"

namespace fdrpc::blobstore {

// The pins of one call. The destructor releases all of them.
//
// Threads: one at a time.
class Lease {
 public:
  // Borrows the store.
  Lease(BlobStore& store, uid_t user) : store_(store), user_(user) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease();

  // The key of the blob.
  absl::StatusOr<BlobKey> PinBlob(const BlobRef& ref);
  absl::StatusOr<BlobKey> Release(const BlobRef& ref);

 private:
  BlobStore& store_;
  const uid_t user_;
  std::multimap<BlobKey, Pin> pins_;
};

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_LEASE_H_
