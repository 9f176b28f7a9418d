#ifndef FDRPC_SERVICES_FILEBROKER_FILE_BROKER_SERVICE_H_
#define FDRPC_SERVICES_FILEBROKER_FILE_BROKER_SERVICE_H_

#include <memory>
#include <utility>

#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "services/filebroker/directory_server.h"
#include "services/filebroker/root_policy.h"

namespace fdrpc::filebroker {

// Serves fdrpc.filebroker.v1.FileBroker. Whoever can connect to the server's
// socket may call; the policy says which root a caller has.
class FileBrokerService final : public v1::FileBroker::Service {
 public:
  FileBrokerService(RootPolicy policy,
                    std::shared_ptr<DirectoryServer> directories)
      : policy_(std::move(policy)), directories_(std::move(directories)) {}

  absl::Status Open(ServerContext& context, const v1::OpenRequest& request,
                    Parcel<v1::OpenReply>& reply) override;
  absl::Status OpenDirectory(ServerContext& context,
                             const v1::OpenDirectoryRequest& request,
                             Parcel<v1::OpenDirectoryReply>& reply) override;

 private:
  const RootPolicy policy_;
  const std::shared_ptr<DirectoryServer> directories_;
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_FILE_BROKER_SERVICE_H_
