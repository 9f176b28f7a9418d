#ifndef FDRPC_SERVICES_BLOBSTORE_BLOB_CLIENT_H_
#define FDRPC_SERVICES_BLOBSTORE_BLOB_CLIENT_H_

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/blobstore/v1/blobstore.fdrpc.h"
#include "fdrpc/call_options.h"
#include "fdrpc/channel.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::blobstore {

// What fdrpc-blob does at a store. Blocks.
class BlobClient {
 public:
  // How an operation ended: the status of a call, or an error of this program,
  // as of a file.
  struct Outcome {
    absl::Status status;
    bool is_local = false;
  };

  // `owner` is that of the blobs that are named.
  BlobClient(const Channel& channel, CallOptions call,
             std::optional<uid_t> owner)
      : stub_(channel), call_(std::move(call)), owner_(owner) {}

  // Puts what can be read from `from`: a file's content as a memory file, all
  // else as a stream. Prints the name.
  Outcome Put(int from, v1::Readers readers);
  // Copies a blob to `to`, which is called for once the blob is there.
  Outcome Get(const std::string& name,
              const std::function<absl::StatusOr<UniqueFd>()>& to);
  Outcome Stat(const std::string& name);
  Outcome Remove(const std::vector<std::string>& names);
  Outcome List();
  // Prints a line for each event until the store ends that.
  Outcome Watch();
  // Pins blobs, and prints a line for each, until the store ends that or the
  // process is killed.
  Outcome Pin(const std::vector<std::string>& names);

 private:
  Outcome PutMemory(int from, size_t size, v1::Readers readers);
  Outcome PutStream(int from, v1::Readers readers);
  template <typename Request>
  Request Named(const std::string& name) const;

  v1::BlobStore::Stub stub_;
  const CallOptions call_;
  const std::optional<uid_t> owner_;
};

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_BLOB_CLIENT_H_
