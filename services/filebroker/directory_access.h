#ifndef FDRPC_SERVICES_FILEBROKER_DIRECTORY_ACCESS_H_
#define FDRPC_SERVICES_FILEBROKER_DIRECTORY_ACCESS_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "fdrpc/peer_credentials.h"
#include "services/filebroker/directory_listing.h"
#include "services/filebroker/root_directory.h"

namespace fdrpc::filebroker {

// What a client may do: the directory that it has, and whether for reading
// only. Carries out its requests.
//
// Threads: safe.
class DirectoryAccess {
 public:
  DirectoryAccess(std::shared_ptr<const RootDirectory> directory,
                  bool read_only, PeerCredentials client)
      : directory_(std::move(directory)),
        read_only_(read_only),
        client_(client) {}

  // Who has got it from the broker, though another process may use it now.
  const PeerCredentials& client() const { return client_; }
  // A path of a request as the client's root would have it, for people.
  std::string PathFromRoot(std::string_view path) const;

  absl::Status Open(const v1::OpenRequest& request,
                    Parcel<v1::OpenReply>& reply) const;
  // A directory beneath it, with no more rights.
  absl::StatusOr<DirectoryAccess> OpenDirectory(std::string_view path,
                                                bool read_only) const;
  absl::StatusOr<UniqueFd> OpenForWatching(std::string_view path) const;
  absl::StatusOr<DirectoryListing> List(std::string_view path) const;
  absl::Status Rename(const v1::RenameRequest& request) const;
  absl::Status Unlink(const v1::UnlinkRequest& request) const;
  absl::Status MakeDirectory(const v1::MakeDirectoryRequest& request) const;

 private:
  absl::Status CheckWritable() const;

  std::shared_ptr<const RootDirectory> directory_;
  bool read_only_;
  PeerCredentials client_;
  std::string path_;  // from the root; empty for the root itself
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_DIRECTORY_ACCESS_H_
