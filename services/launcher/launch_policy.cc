#include "services/launcher/launch_policy.h"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/process/user_database.h"

namespace fdrpc::launcher {
namespace {

constexpr uid_t kRoot = 0;
// What setresuid(2) and its like take for "no change".
constexpr id_t kNoId = std::numeric_limits<id_t>::max();

bool IsRoot(const PeerCredentials& caller) { return caller.uid == kRoot; }

// With the groups of `asked`, or of the user database. The user itself may have
// called with a group; it is the group if the database does not have the user.
absl::StatusOr<ProcessUser> Resolve(uid_t uid, const v1::User* asked,
                                    const PeerCredentials& caller) {
  ProcessUser user;
  user.ids.uid = uid;
  absl::StatusOr<std::optional<process::UserEntry>> found =
      process::FindUser(uid);
  if (!found.ok()) return found.status();
  const bool is_known = found->has_value();
  if (is_known) {
    user.name = (*found)->name;
    user.home = (*found)->home;
    user.shell = (*found)->shell;
  }
  if (asked != nullptr && asked->has_gid()) {
    user.ids.gid = asked->gid();
    user.ids.groups.assign(asked->groups().begin(), asked->groups().end());
  } else if (is_known) {
    user.ids.gid = (*found)->gid;
    user.ids.groups = std::move((*found)->groups);
  } else if (uid == caller.uid) {
    user.ids.gid = caller.gid;
  } else {
    return absl::NotFoundError(
        absl::StrCat("the user database has no user ", uid,
                     ", whose groups are needed; a request may have a gid"));
  }
  return user;
}

bool HasNoId(const v1::User& user) {
  return user.uid() == kNoId || (user.has_gid() && user.gid() == kNoId) ||
         std::count(user.groups().begin(), user.groups().end(), kNoId) > 0;
}

}  // namespace

absl::StatusOr<LaunchPolicy> LaunchPolicy::Create(Options options) {
  const uid_t own = geteuid();
  if (own == kRoot && !options.allowed.empty() && !options.as_caller) {
    return absl::FailedPreconditionError(
        "the launcher runs as root, and would give root's rights to those of "
        "--allow: give it --as-caller, too, or another user");
  }
  if (own != kRoot && options.as_caller) {
    return absl::FailedPreconditionError(absl::StrCat(
        "--as-caller needs a launcher that runs as root, not as user ", own));
  }
  return LaunchPolicy(std::move(options), own);
}

absl::Status LaunchPolicy::MayLaunch(const PeerCredentials& caller) const {
  if (IsRoot(caller) || caller.uid == own_ ||
      std::count(options_.allowed.begin(), options_.allowed.end(), caller.uid) >
          0) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(
      absl::StrCat("user ", caller.uid,
                   " may not launch here; the launcher's --allow decides"));
}

absl::Status LaunchPolicy::MayWatch(const PeerCredentials& caller,
                                    uid_t owner) const {
  if (IsRoot(caller) || caller.uid == own_ || caller.uid == owner) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(
      absl::StrCat("another user than ", caller.uid, " launched the process"));
}

absl::StatusOr<std::optional<ProcessUser>> LaunchPolicy::UserFor(
    const PeerCredentials& caller, const v1::User* asked) const {
  const uid_t usual = options_.as_caller ? caller.uid : own_;
  if (asked != nullptr && !asked->has_gid() && asked->groups_size() > 0) {
    return absl::InvalidArgumentError("user: groups need a gid");
  }
  if (asked != nullptr && HasNoId(*asked)) {
    return absl::InvalidArgumentError(
        absl::StrCat("user: ", kNoId, " is no user and no group"));
  }
  if (asked != nullptr && !IsRoot(caller)) {
    if (asked->uid() != usual) {
      return absl::PermissionDeniedError(
          absl::StrCat("only root may launch as another user: for user ",
                       caller.uid, " it is ", usual, ", not ", asked->uid()));
    }
    if (asked->has_gid()) {
      return absl::PermissionDeniedError(
          "only root may choose the groups of a process");
    }
  }
  const uid_t uid = asked != nullptr ? asked->uid() : usual;
  if (uid == own_ && (asked == nullptr || !asked->has_gid())) {
    return std::nullopt;
  }
  absl::StatusOr<ProcessUser> user = Resolve(uid, asked, caller);
  if (!user.ok()) return user.status();
  return *std::move(user);
}

bool LaunchPolicy::MayRaiseLimits(const PeerCredentials& caller) const {
  return IsRoot(caller);
}

}  // namespace fdrpc::launcher
