#include "services/process/user_database.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::process {
namespace {

// What setresuid(2) and its like take for "no change".
constexpr id_t kNoId = std::numeric_limits<id_t>::max();
// Linux's NGROUPS_MAX.
constexpr int kMostGroups = 65536;
// Of a group with very many members.
constexpr size_t kMostOfEntry = 16 << 20;

// What getpwuid_r(3) and its like fill.
template <typename Entry>
struct Found {
  Entry entry = {};
  std::vector<char> strings = std::vector<char>(1 << 16);
};

// Calls one of them. False if there is no such entry.
template <typename Entry, typename Lookup>
absl::StatusOr<bool> Find(Lookup lookup, Found<Entry>& found) {
  Entry* result = nullptr;
  while (true) {
    const int error = lookup(&found.entry, found.strings.data(),
                             found.strings.size(), &result);
    if (error == ERANGE && found.strings.size() < kMostOfEntry) {
      found.strings.resize(2 * found.strings.size());
      continue;
    }
    if (error != 0 && error != ENOENT) {
      return absl::ErrnoToStatus(error, "the user database");
    }
    return result != nullptr;
  }
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

// The id that `text` is, if it is a number. `kind` is "user" or "group".
absl::StatusOr<std::optional<id_t>> ParseId(const std::string& text,
                                            const char* kind) {
  id_t id = 0;
  if (!absl::SimpleAtoi(text, &id)) return std::nullopt;
  if (id != kNoId) return id;
  return absl::InvalidArgumentError(absl::StrCat(text, " is no ", kind));
}

}  // namespace

absl::StatusOr<std::optional<UserEntry>> FindUser(uid_t uid) {
  Found<passwd> found;
  const absl::StatusOr<bool> is_known =
      Find([uid](auto... place) { return getpwuid_r(uid, place...); }, found);
  if (!is_known.ok()) return is_known.status();
  if (!*is_known) return std::nullopt;
  return UserEntry{.name = found.entry.pw_name,
                   .home = found.entry.pw_dir,
                   .shell = found.entry.pw_shell,
                   .gid = found.entry.pw_gid,
                   .groups = GroupsOf(found.entry)};
}

absl::StatusOr<uid_t> UserNamed(const std::string& text) {
  const absl::StatusOr<std::optional<id_t>> id = ParseId(text, "user");
  if (!id.ok()) return id.status();
  if (id->has_value()) return **id;
  Found<passwd> found;
  const absl::StatusOr<bool> is_known = Find(
      [&](auto... place) { return getpwnam_r(text.c_str(), place...); }, found);
  if (!is_known.ok()) return is_known.status();
  if (*is_known) return found.entry.pw_uid;
  return absl::NotFoundError(absl::StrCat("there is no user ", text));
}

absl::StatusOr<gid_t> GroupNamed(const std::string& text) {
  const absl::StatusOr<std::optional<id_t>> id = ParseId(text, "group");
  if (!id.ok()) return id.status();
  if (id->has_value()) return **id;
  Found<group> found;
  const absl::StatusOr<bool> is_known = Find(
      [&](auto... place) { return getgrnam_r(text.c_str(), place...); }, found);
  if (!is_known.ok()) return is_known.status();
  if (*is_known) return found.entry.gr_gid;
  return absl::NotFoundError(absl::StrCat("there is no group ", text));
}

}  // namespace fdrpc::process
