#include "services/filebroker/directory_server.h"

#include <string>
#include <utility>
#include <vector>

#include "fdrpc/mixed_service.h"
#include "services/filebroker/directory_service.h"
#include "services/filebroker/directory_watch_service.h"

namespace fdrpc::filebroker {
namespace {

// The service of a directory: its methods have two forms.
struct DirectoryParts {
  DirectoryParts(const std::shared_ptr<DirectoryServer>& server,
                 const DirectoryAccess& access, UserQuota::Hold hold)
      : directory(server, access, std::move(hold)), watch(server, access) {}

  DirectoryService directory;
  DirectoryWatchService watch;
  MixedService both{directory, watch};
};

}  // namespace

std::shared_ptr<DirectoryServer> DirectoryServer::Create(Server& server,
                                                         AuditLog* log) {
  return std::shared_ptr<DirectoryServer>(new DirectoryServer(server, log));
}

DirectoryServer::DirectoryServer(Server& server, AuditLog* log)
    : server_(server),
      log_(log),
      directories_(UserQuota::Create("directories", kMostDirectoriesOfUser,
                                     "release one first")),
      lists_(UserQuota::Create("lists in progress", kMostListsOfUser,
                               "read or cancel one first")) {}

absl::Status DirectoryServer::OpenDirectory(
    const ServerContext& context, const DirectoryAccess& from,
    const v1::OpenDirectoryRequest& request,
    Parcel<v1::OpenDirectoryReply>& reply) {
  return Record(from, "OpenDirectory", {request.path()},
                Give(context, from, request, reply));
}

absl::Status DirectoryServer::Give(const ServerContext& context,
                                   const DirectoryAccess& from,
                                   const v1::OpenDirectoryRequest& request,
                                   Parcel<v1::OpenDirectoryReply>& reply) {
  absl::StatusOr<UserQuota::Hold> hold = directories_->Take(from.client().uid);
  if (!hold.ok()) return hold.status();
  absl::StatusOr<DirectoryAccess> access =
      from.OpenDirectory(request.path(), request.read_only());
  if (!access.ok()) return access.status();
  // Its connection counts for the client, or for the broker's own user if a
  // directory is asked, whose client is the broker's process.
  ServerForClient server(server_, context);
  auto parts = std::make_shared<DirectoryParts>(
      shared_from_this(), *std::move(access), *std::move(hold));
  std::shared_ptr<Service> service(parts, &parts->both);
  return reply.serve_directory(server, std::move(service));
}

absl::Status DirectoryServer::Record(
    const DirectoryAccess& access, std::string_view operation,
    std::initializer_list<std::string_view> paths, absl::Status outcome) {
  if (log_ == nullptr) return outcome;
  std::vector<std::string> whole;
  for (const std::string_view path : paths) {
    whole.push_back(access.PathFromRoot(path));
  }
  log_->Record(access.client(), operation, whole, outcome);
  return outcome;
}

absl::Status DirectoryServer::Record(
    const PeerCredentials& client, std::string_view operation,
    std::initializer_list<std::string_view> paths, absl::Status outcome) {
  if (log_ == nullptr) return outcome;
  log_->Record(client, operation, {paths.begin(), paths.end()}, outcome);
  return outcome;
}

}  // namespace fdrpc::filebroker
