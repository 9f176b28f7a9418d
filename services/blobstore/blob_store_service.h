#ifndef FDRPC_SERVICES_BLOBSTORE_BLOB_STORE_SERVICE_H_
#define FDRPC_SERVICES_BLOBSTORE_BLOB_STORE_SERVICE_H_

#include "fdrpc/blobstore/v1/blobstore.fdrpc.h"
#include "services/blobstore/blob_store.h"

namespace fdrpc::blobstore {

// Serves fdrpc.blobstore.v1.BlobStore. Whoever can connect to the server's
// socket may call; which blobs a caller may read is decided by its user id.
//
// Coroutines, so that streams whose clients are silent hold no thread. Puts,
// and what the store reads from disk, do block one.
class BlobStoreService final : public v1::BlobStore::CoService {
 public:
  // Borrows the store.
  explicit BlobStoreService(BlobStore& store) : store_(store) {}

  Task<absl::Status> Put(ServerContext& context,
                         Parcel<v1::PutRequest>& request,
                         v1::PutReply& reply) override;
  Task<absl::Status> PutStream(ServerContext& context,
                               CoServerReader<v1::PutChunk>& chunks,
                               v1::PutReply& reply) override;
  Task<absl::Status> Get(ServerContext& context, const v1::GetRequest& request,
                         Parcel<v1::GetReply>& reply) override;
  Task<absl::Status> Stat(ServerContext& context,
                          const v1::StatRequest& request,
                          v1::Blob& reply) override;
  Task<absl::Status> Remove(ServerContext& context,
                            const v1::RemoveRequest& request,
                            v1::RemoveReply& reply) override;
  Task<absl::Status> Lease(
      ServerContext& context,
      CoServerStream<v1::LeaseRequest, v1::LeaseReply>& stream) override;
  Task<absl::Status> List(ServerContext& context,
                          const v1::ListRequest& request,
                          CoServerWriter<v1::Blob>& blobs) override;

 private:
  BlobStore& store_;
};

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_BLOB_STORE_SERVICE_H_
