#ifndef FDRPC_SERVICES_BLOBSTORE_DESCRIBE_H_
#define FDRPC_SERVICES_BLOBSTORE_DESCRIBE_H_

#include "fdrpc/blobstore/v1/blobstore.pb.h"
#include "services/blobstore/blob_index.h"

namespace fdrpc::blobstore {

// What clients learn of a blob.
void Describe(const BlobInfo& info, v1::Blob& blob);

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_DESCRIBE_H_
