#ifndef FDRPC_SERVICES_FILEBROKER_DIRECTORY_SERVER_H_
#define FDRPC_SERVICES_FILEBROKER_DIRECTORY_SERVER_H_

#include <initializer_list>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "fdrpc/server.h"
#include "services/filebroker/audit_log.h"
#include "services/filebroker/directory_access.h"
#include "services/filebroker/directory_watches.h"
#include "services/filebroker/user_quota.h"

namespace fdrpc::filebroker {

// Gives directories to clients, as services, and has what these share: limits,
// watches and the audit log.
//
// Threads: safe.
class DirectoryServer : public std::enable_shared_from_this<DirectoryServer> {
 public:
  // Each has two descriptors of the broker; a list has one.
  static constexpr int kMostDirectoriesOfUser = 256;
  static constexpr int kMostListsOfUser = 64;

  // Borrows the server, which serves the directories, and the log, which may be
  // null.
  static std::shared_ptr<DirectoryServer> Create(Server& server, AuditLog* log);

  // Opens a directory beneath `from`, and gives it to the client. `context` is
  // that of the call.
  absl::Status OpenDirectory(const ServerContext& context,
                             const DirectoryAccess& from,
                             const v1::OpenDirectoryRequest& request,
                             Parcel<v1::OpenDirectoryReply>& reply);
  absl::StatusOr<UserQuota::Hold> TakeList(const DirectoryAccess& access) {
    return lists_->Take(access.client().uid);
  }

  DirectoryWatches& watches() { return watches_; }

  // Logs an operation, and returns its outcome.
  absl::Status Record(const DirectoryAccess& access, std::string_view operation,
                      std::initializer_list<std::string_view> paths,
                      absl::Status outcome);
  // The same for a client without access to anything.
  absl::Status Record(const PeerCredentials& client, std::string_view operation,
                      std::initializer_list<std::string_view> paths,
                      absl::Status outcome);

 private:
  DirectoryServer(Server& server, AuditLog* log);

  absl::Status Give(const ServerContext& context, const DirectoryAccess& from,
                    const v1::OpenDirectoryRequest& request,
                    Parcel<v1::OpenDirectoryReply>& reply);

  Server& server_;
  AuditLog* const log_;
  const std::shared_ptr<UserQuota> directories_;
  const std::shared_ptr<UserQuota> lists_;
  DirectoryWatches watches_;
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_DIRECTORY_SERVER_H_
