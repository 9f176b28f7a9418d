#ifndef FDRPC_SERVICES_PROCESS_USER_DATABASE_H_
#define FDRPC_SERVICES_PROCESS_USER_DATABASE_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace fdrpc::process {

// What the user database says of a user.
struct UserEntry {
  std::string name;
  std::string home;
  std::string shell;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // all, `gid` among them
};

// All ask the user database, which may block.

// Empty if it does not have the user.
absl::StatusOr<std::optional<UserEntry>> FindUser(uid_t uid);

// The user with this name or number. NOT_FOUND; or INVALID_ARGUMENT for
// 4294967295, which the system calls do not take.
absl::StatusOr<uid_t> UserNamed(const std::string& text);

// The same for a group.
absl::StatusOr<gid_t> GroupNamed(const std::string& text);

}  // namespace fdrpc::process

#endif  // FDRPC_SERVICES_PROCESS_USER_DATABASE_H_
