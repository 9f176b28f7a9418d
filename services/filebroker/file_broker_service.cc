#include "services/filebroker/file_broker_service.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fdrpc::filebroker {

absl::Status FileBrokerService::Open(ServerContext& context,
                                     const v1::OpenRequest& request,
                                     Parcel<v1::OpenReply>& reply) {
  const absl::StatusOr<DirectoryAccess> root = policy_.AccessOf(context.peer());
  if (!root.ok()) {
    return directories_->Record(context.peer(), "Open", {request.path()},
                                root.status());
  }
  return directories_->Record(*root, "Open", {request.path()},
                              root->Open(request, reply));
}

absl::Status FileBrokerService::OpenDirectory(
    ServerContext& context, const v1::OpenDirectoryRequest& request,
    Parcel<v1::OpenDirectoryReply>& reply) {
  const absl::StatusOr<DirectoryAccess> root = policy_.AccessOf(context.peer());
  if (!root.ok()) {
    return directories_->Record(context.peer(), "OpenDirectory",
                                {request.path()}, root.status());
  }
  return directories_->OpenDirectory(context, *root, request, reply);
}

}  // namespace fdrpc::filebroker
