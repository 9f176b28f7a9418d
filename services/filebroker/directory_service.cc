#include "services/filebroker/directory_service.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/filebroker/directory_listing.h"

namespace fdrpc::filebroker {

Task<absl::Status> DirectoryService::Open(ServerContext&,
                                          const v1::OpenRequest& request,
                                          Parcel<v1::OpenReply>& reply) {
  co_return server_->Record(access_, "Open", {request.path()},
                            access_.Open(request, reply));
}

Task<absl::Status> DirectoryService::OpenDirectory(
    ServerContext& context, const v1::OpenDirectoryRequest& request,
    Parcel<v1::OpenDirectoryReply>& reply) {
  co_return server_->OpenDirectory(context, access_, request, reply);
}

Task<absl::Status> DirectoryService::List(ServerContext&,
                                          const v1::ListRequest& request,
                                          CoServerWriter<v1::Entry>& entries) {
  const absl::StatusOr<UserQuota::Hold> hold = server_->TakeList(access_);
  absl::StatusOr<DirectoryListing> listing =
      hold.ok() ? access_.List(request.path())
                : absl::StatusOr<DirectoryListing>(hold.status());
  absl::Status begun =
      server_->Record(access_, "List", {request.path()}, listing.status());
  if (!begun.ok()) co_return begun;
  while (true) {
    absl::StatusOr<std::optional<v1::Entry>> entry = listing->Next();
    if (!entry.ok()) co_return entry.status();
    if (!entry->has_value()) co_return absl::OkStatus();
    const bool taken = co_await entries.Write(**entry);
    if (!taken) co_return absl::CancelledError();
  }
}

Task<absl::Status> DirectoryService::Rename(ServerContext&,
                                            const v1::RenameRequest& request,
                                            v1::RenameReply&) {
  co_return server_->Record(access_, "Rename", {request.from(), request.to()},
                            access_.Rename(request));
}

Task<absl::Status> DirectoryService::Unlink(ServerContext&,
                                            const v1::UnlinkRequest& request,
                                            v1::UnlinkReply&) {
  co_return server_->Record(access_, "Unlink", {request.path()},
                            access_.Unlink(request));
}

Task<absl::Status> DirectoryService::MakeDirectory(
    ServerContext&, const v1::MakeDirectoryRequest& request,
    v1::MakeDirectoryReply&) {
  co_return server_->Record(access_, "MakeDirectory", {request.path()},
                            access_.MakeDirectory(request));
}

}  // namespace fdrpc::filebroker
