#ifndef FDRPC_SERVICES_FILEBROKER_DIRECTORY_SERVICE_H_
#define FDRPC_SERVICES_FILEBROKER_DIRECTORY_SERVICE_H_

#include <memory>
#include <utility>

#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "services/filebroker/directory_access.h"
#include "services/filebroker/directory_server.h"
#include "services/filebroker/user_quota.h"

namespace fdrpc::filebroker {

// Serves fdrpc.filebroker.v1.Directory to the holder of one directory.
// Coroutines, so that a list whose client does not read holds no thread.
class DirectoryService final : public v1::Directory::CoService {
 public:
  DirectoryService(std::shared_ptr<DirectoryServer> server,
                   DirectoryAccess access, UserQuota::Hold hold)
      : server_(std::move(server)),
        access_(std::move(access)),
        hold_(std::move(hold)) {}

  Task<absl::Status> Open(ServerContext& context,
                          const v1::OpenRequest& request,
                          Parcel<v1::OpenReply>& reply) override;
  Task<absl::Status> OpenDirectory(
      ServerContext& context, const v1::OpenDirectoryRequest& request,
      Parcel<v1::OpenDirectoryReply>& reply) override;
  Task<absl::Status> List(ServerContext& context,
                          const v1::ListRequest& request,
                          CoServerWriter<v1::Entry>& entries) override;
  Task<absl::Status> Rename(ServerContext& context,
                            const v1::RenameRequest& request,
                            v1::RenameReply& reply) override;
  Task<absl::Status> Unlink(ServerContext& context,
                            const v1::UnlinkRequest& request,
                            v1::UnlinkReply& reply) override;
  Task<absl::Status> MakeDirectory(ServerContext& context,
                                   const v1::MakeDirectoryRequest& request,
                                   v1::MakeDirectoryReply& reply) override;

 private:
  const std::shared_ptr<DirectoryServer> server_;
  const DirectoryAccess access_;
  const UserQuota::Hold hold_;
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_DIRECTORY_SERVICE_H_
