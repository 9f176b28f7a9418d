#include "services/launcher/launch_policy.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::launcher {
namespace {

constexpr uid_t kRoot = 0;
// What setresuid(2) and its like take for "no change".
constexpr id_t kNoId = std::numeric_limits<id_t>::max();
// Linux's NGROUPS_MAX.
constexpr int kMostGroups = 65536;

bool IsRoot(const PeerCredentials& caller) { return caller.uid == kRoot; }

// What getpwuid_r(3) and getpwnam_r(3) fill.
struct UserEntry {
  passwd entry = {};
  std::vector<char> strings = std::vector<char>(1 << 16);
};

// Calls one of them. False if there is no such user.
template <typename Lookup>
absl::StatusOr<bool> Find(Lookup lookup, UserEntry& found) {
  passwd* result = nullptr;
  const int error =
      lookup(&found.entry, found.strings.data(), found.strings.size(), &result);
  if (error != 0 && error != ENOENT) {
    return absl::ErrnoToStatus(error, "the user database");
  }
  return result != nullptr;
}

absl::StatusOr<bool> FindUser(uid_t uid, UserEntry& found) {
  return Find([uid](auto... place) { return getpwuid_r(uid, place...); },
              found);
}

std::vector<gid_t> GroupsOf(const passwd& entry) {
  std::vector<gid_t> groups(64);
  int count = static_cast<int>(groups.size());
  while (getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) < 0 &&
         count <= kMostGroups) {
    groups.resize(static_cast<size_t>(count));
  }
  groups.resize(static_cast<size_t>(count));
  return groups;
}

// With the groups of `asked`, or of the user database. The user itself may have
// called with a group; it is the group if the database does not have the user.
absl::StatusOr<ProcessUser> Resolve(uid_t uid, const v1::User* asked,
                                    const PeerCredentials& caller) {
  ProcessUser user;
  user.ids.uid = uid;
  UserEntry found;
  const absl::StatusOr<bool> is_known = FindUser(uid, found);
  if (!is_known.ok()) return is_known.status();
  if (*is_known) {
    user.name = found.entry.pw_name;
    user.home = found.entry.pw_dir;
    user.shell = found.entry.pw_shell;
  }
  if (asked != nullptr && asked->has_gid()) {
    user.ids.gid = asked->gid();
    user.ids.groups.assign(asked->groups().begin(), asked->groups().end());
  } else if (*is_known) {
    user.ids.gid = found.entry.pw_gid;
    user.ids.groups = GroupsOf(found.entry);
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

absl::StatusOr<uid_t> UserNamed(const std::string& text) {
  uid_t uid = 0;
  if (absl::SimpleAtoi(text, &uid)) {
    if (uid != kNoId) return uid;
    return absl::InvalidArgumentError(absl::StrCat(text, " is no user"));
  }
  UserEntry found;
  const absl::StatusOr<bool> is_known = Find(
      [&](auto... place) { return getpwnam_r(text.c_str(), place...); }, found);
  if (!is_known.ok()) return is_known.status();
  if (!*is_known) {
    return absl::NotFoundError(absl::StrCat("there is no user ", text));
  }
  return found.entry.pw_uid;
}

}  // namespace fdrpc::launcher
