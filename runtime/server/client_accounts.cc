#include "server/client_accounts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace fdrpc {
namespace {

// The fraction of RLIMIT_NOFILE that clients leave to the process.
constexpr size_t kReserve = 4;

// The fraction of it that one user may have for replies that it does not read;
// only the process knows how many descriptors those have. It is a part of the
// reserve.
constexpr size_t kUnreceivedPart = 8;

constexpr size_t kUsualConnectionsOfUser = 8192;

// Without adding them up: a limit may be the largest number there is.
bool Exceeds(size_t held, size_t more, size_t limit) {
  return held > limit || more > limit - held;
}

size_t AtLeastZero(int limit) {
  return static_cast<size_t>(std::max(limit, 0));
}

}  // namespace

ClientAccounts::Limits ClientAccounts::LimitsFor(const ServerOptions& options,
                                                 size_t open_files) {
  Limits limits;
  limits.files = open_files - open_files / kReserve;
  limits.connections = AtLeastZero(options.max_connections);
  limits.connections_of_user =
      options.max_connections_per_user == 0
          ? std::min(kUsualConnectionsOfUser, (limits.files + 1) / 2)
          : std::min(AtLeastZero(options.max_connections_per_user),
                     limits.files);
  limits.files_of_user =
      std::max((limits.files + 1) / 2, limits.connections_of_user);
  limits.held_bytes_of_user = options.max_held_bytes_per_user;
  limits.unreceived_of_user = open_files / kUnreceivedPart;
  return limits;
}

absl::StatusOr<std::unique_ptr<ClientShare>> ClientAccounts::Admit(uid_t uid) {
  MutexLock lock(mu_);
  if (some_are_gone_) ForgetUsers();
  if (connections_ >= limits_.connections) {
    return absl::UnavailableError(absl::StrCat("the server has ", connections_,
                                               " connections, its limit"));
  }
  const auto found = users_.find(uid);
  if (found != users_.end() &&
      found->second->connections >= limits_.connections_of_user) {
    return absl::UnavailableError(
        absl::StrCat("user ", uid, " has ", found->second->connections,
                     " connections to the server, its limit for one user"));
  }
  auto made =
      found == users_.end()
          ? std::unique_ptr<User>(new User{
                .uid = uid,
                .unreceived = UnreceivedDescriptors(limits_.unreceived_of_user),
                .closes = std::make_shared<PendingCloses>(closes_)})
          : nullptr;
  User& user = made != nullptr ? *made : *found->second;
  const absl::Status files = CheckFiles(user, 1);
  if (!files.ok()) return absl::UnavailableError(files.message());
  if (made != nullptr) users_.emplace(uid, std::move(made));
  ++connections_;
  ++user.connections;
  ++files_;
  ++user.files;
  return std::unique_ptr<ClientShare>(
      new ClientShare(shared_from_this(), user));
}

absl::Status ClientAccounts::CheckFiles(const User& user, size_t more) const {
  const size_t of_all = files_ + closes_->count();
  const size_t of_user = user.files + user.closes->count();
  const bool all = Exceeds(of_all, more, limits_.files);
  if (!all && !Exceeds(of_user, more, limits_.files_of_user)) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      all ? "the server's clients" : absl::StrCat("user ", user.uid), " have ",
      all ? of_all : of_user,
      " connections to the server and descriptors, in requests or waiting to "
      "be closed, and may have ",
      all ? limits_.files : limits_.files_of_user,
      ", for which the server's RLIMIT_NOFILE is the measure"));
}

absl::Status ClientAccounts::AddFiles(User& user, size_t count) {
  MutexLock lock(mu_);
  absl::Status room = CheckFiles(user, count);
  if (!room.ok()) return room;
  files_ += count;
  user.files += count;
  return room;
}

void ClientAccounts::RemoveFiles(User& user, size_t count) {
  MutexLock lock(mu_);
  files_ -= count;
  user.files -= count;
}

void ClientAccounts::Leave(User& user) {
  MutexLock lock(mu_);
  --connections_;
  --files_;
  --user.files;
  if (--user.connections == 0) ForgetUsers();
}

void ClientAccounts::ForgetUsers() {
  bool some_stay = false;
  absl::erase_if(users_, [&some_stay](const auto& entry) {
    const User& user = *entry.second;
    if (user.connections > 0) return false;
    const bool closed = user.closes.use_count() == 1;
    some_stay |= !closed;
    return closed;
  });
  some_are_gone_ = some_stay;
}

absl::Status ClientShare::Charge(size_t bytes, size_t descriptors) {
  const size_t limit = accounts_->limits_.held_bytes_of_user;
  // Others of the user's connections may do the same at this moment.
  const size_t held =
      user_.held_bytes.fetch_add(bytes, std::memory_order_relaxed);
  absl::Status charged;
  if (Exceeds(held, bytes, limit)) {
    charged = absl::ResourceExhaustedError(
        absl::StrCat("the requests of user ", user_.uid, " hold ", held,
                     " bytes, and may hold ", limit));
  } else if (descriptors > 0) {
    charged = accounts_->AddFiles(user_, descriptors);
  }
  if (!charged.ok()) {
    user_.held_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  }
  return charged;
}

absl::Status ClientShare::CheckCloses() const {
  const size_t pending = user_.closes->count();
  if (pending < accounts_->limits_.files_of_user) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      pending, " descriptors that user ", user_.uid,
      " sent wait to be closed, for whose number the server's RLIMIT_NOFILE is "
      "the measure"));
}

void ClientShare::Release(size_t bytes, size_t descriptors) {
  user_.held_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  if (descriptors > 0) accounts_->RemoveFiles(user_, descriptors);
}

}  // namespace fdrpc
