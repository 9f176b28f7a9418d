#ifndef FDRPC_SERVICES_FILEBROKER_ROOT_POLICY_H_
#define FDRPC_SERVICES_FILEBROKER_ROOT_POLICY_H_

#include <sys/types.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "fdrpc/peer_credentials.h"
#include "services/filebroker/directory_access.h"
#include "services/filebroker/root_directory.h"

namespace fdrpc::filebroker {

// Decides which root a user has, and whether for reading only.
//
// Threads: safe.
class RootPolicy {
 public:
  struct Options {
    std::string root = {};  // of the users without one; empty: those have none
    std::map<uid_t, std::string> user_roots = {};
    bool read_only = false;  // for all
    std::set<uid_t> read_only_users = {};
  };

  // Opens the roots; see RootDirectory::Create().
  static absl::StatusOr<RootPolicy> Create(const Options& options);

  // PERMISSION_DENIED if the client has no root.
  absl::StatusOr<DirectoryAccess> AccessOf(const PeerCredentials& client) const;

 private:
  RootPolicy() = default;

  std::shared_ptr<const RootDirectory> root_;
  std::map<uid_t, std::shared_ptr<const RootDirectory>> user_roots_;
  bool read_only_ = false;
  std::set<uid_t> read_only_users_;
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_ROOT_POLICY_H_
