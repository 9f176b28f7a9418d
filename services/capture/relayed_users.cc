#include "services/capture/relayed_users.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "wire/limits.h"

namespace fdrpc::capture {
namespace {

// As those of a server's user.
constexpr size_t kPartInFlight = 8;

}  // namespace

RelayedUsers::Place::Place(RelayedUsers& users, User& user)
    : users_(users), user_(user) {
  ++user_.connections;
  ++users_.connections_;
  if (user_.is_foreign) ++users_.foreign_connections_;
}

RelayedUsers::Place::~Place() {
  --user_.connections;
  --users_.connections_;
  if (user_.is_foreign) --users_.foreign_connections_;
  users_.refused_.clear();
}

RelayedUsers::RelayedUsers(size_t most_connections, size_t open_files)
    : most_connections_(most_connections),
      most_in_flight_(std::max<size_t>(open_files / kPartInFlight, 1)) {}

bool RelayedUsers::IsForeign(uid_t uid) { return uid != 0 && uid != geteuid(); }

absl::StatusOr<std::shared_ptr<RelayedUsers::Place>> RelayedUsers::Admit(
    uid_t uid) {
  Forget();
  User& user = FindOrAdd(uid);
  absl::Status room = CheckRoom(user);
  if (room.ok()) return std::make_shared<Place>(*this, user);
  if (!refused_.insert(uid).second) return nullptr;
  return room;
}

absl::Status RelayedUsers::CheckRoom(const User& user) const {
  if (!user.is_foreign) return absl::OkStatus();
  const size_t most_of_user = std::max<size_t>(most_connections_ / 4, 1);
  const size_t most_of_all = std::max<size_t>(most_connections_ / 2, 1);
  if (user.connections >= most_of_user) {
    return absl::ResourceExhaustedError(
        absl::StrCat("user ", user.uid, " has ", user.connections,
                     " connections, the most of one other user"));
  }
  if (foreign_connections_ >= most_of_all) {
    return absl::ResourceExhaustedError(
        absl::StrCat("other users have ", foreign_connections_,
                     " connections, the most of all of them"));
  }
  if (user.closes->count() > kMaxFrameDescriptors) {
    return absl::ResourceExhaustedError(
        absl::StrCat(user.closes->count(), " descriptors of user ", user.uid,
                     " wait to be closed"));
  }
  return absl::OkStatus();
}

RelayedUsers::User& RelayedUsers::FindOrAdd(uid_t uid) {
  std::unique_ptr<User>& user = users_[uid];
  if (user == nullptr) {
    const bool is_foreign = IsForeign(uid);
    user = std::make_unique<User>(uid, is_foreign, most_in_flight_,
                                  is_foreign ? foreign_closes_ : nullptr);
  }
  return *user;
}

void RelayedUsers::Forget() {
  std::erase_if(users_, [](const auto& entry) {
    const User& user = *entry.second;
    // Descriptors that are still received or closed keep the count.
    return user.connections == 0 && user.closes.use_count() == 1;
  });
}

}  // namespace fdrpc::capture
