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
  limits.ring_bytes = options.max_ring_bytes;
  limits.ring_bytes_of_user = options.max_ring_bytes_per_user;
  limits.ring_files = open_files / kReserve / 4;
  limits.ring_files_of_user = limits.ring_files / 2;
  return limits;
}

absl::StatusOr<std::unique_ptr<ClientShare>> ClientAccounts::Admit(uid_t uid) {
  MutexLock lock(mu_);
  if (some_are_gone_) ForgetUsers();
  if (connections_ >= limits_.connections) {
    return absl::UnavailableError(
        absl::StrCat("the server has ", connections_,
                     " connections, its limit "
                     "(ServerOptions::max_connections): try again when some "
                     "have ended"));
  }
  const auto found = users_.find(uid);
  if (found != users_.end() &&
      found->second->connections >= limits_.connections_of_user) {
    return absl::UnavailableError(
        absl::StrCat("user ", uid, " has ", found->second->connections,
                     " connections to the server, its limit for one user "
                     "(ServerOptions::max_connections_per_user): end some, or "
                     "share a channel"));
  }
  User& user = FindOrAdd(uid);
  const absl::Status files = CheckFiles(user, 1);
  if (!files.ok()) {
    // It may be a new one.
    some_are_gone_ |= user.connections == 0;
    return absl::UnavailableError(files.message());
  }
  ++connections_;
  ++user.connections;
  ++files_;
  ++user.files;
  return std::unique_ptr<ClientShare>(
      new ClientShare(shared_from_this(), user));
}

std::shared_ptr<PendingCloses> ClientAccounts::ClosesOf(uid_t uid) {
  MutexLock lock(mu_);
  User& user = FindOrAdd(uid);
  some_are_gone_ |= user.connections == 0;
  return user.closes;
}

ClientAccounts::User& ClientAccounts::FindOrAdd(uid_t uid) {
  std::unique_ptr<User>& user = users_[uid];
  if (user == nullptr) {
    user.reset(new User{
        .uid = uid,
        .unreceived = UnreceivedDescriptors(limits_.unreceived_of_user),
        .rings = RingQuota(limits_.ring_bytes_of_user,
                           limits_.ring_files_of_user, &rings_),
        .closes = std::make_shared<PendingCloses>(closes_)});
  }
  return *user;
}

void ClientAccounts::AddTo(ServerStatistics& statistics) const {
  MutexLock lock(mu_);
  statistics.connections += connections_;
  statistics.request_descriptors += files_ - connections_;
  statistics.closing_descriptors += closes_->count();
  statistics.ring_connections += rings_.connections();
  statistics.ring_bytes += rings_.bytes();
  for (const auto& [uid, user] : users_) {
    statistics.request_bytes +=
        user->held_bytes.load(std::memory_order_relaxed);
    statistics.queued_descriptors += user->unreceived.queued.held();
    statistics.in_flight_descriptors += user->unreceived.in_flight.held();
  }
}

std::vector<UserActivity> ClientAccounts::activity() const {
  std::vector<UserActivity> activity;
  {
    MutexLock lock(mu_);
    for (const auto& [uid, user] : users_) {
      activity.push_back(
          {.uid = uid,
           .connections = {user->connections, limits_.connections_of_user},
           .files = {user->files + user->closes->count(),
                     limits_.files_of_user},
           .request_bytes = {user->held_bytes.load(std::memory_order_relaxed),
                             limits_.held_bytes_of_user},
           .queued_descriptors = {user->unreceived.queued.held(),
                                  limits_.unreceived_of_user},
           .in_flight_descriptors = {user->unreceived.in_flight.held(),
                                     limits_.unreceived_of_user},
           .ring_bytes = {user->rings.bytes(), limits_.ring_bytes_of_user}});
    }
  }
  std::sort(activity.begin(), activity.end(),
            [](const auto& a, const auto& b) { return a.uid < b.uid; });
  return activity;
}

absl::Status ClientAccounts::CheckFiles(const User& user, size_t more) const {
  const size_t of_all = files_ + closes_->count();
  const size_t of_user = user.files + user.closes->count();
  const bool all = Exceeds(of_all, more, limits_.files);
  if (!all && !Exceeds(of_user, more, limits_.files_of_user)) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      all ? "the server's clients"
          : absl::StrCat("the clients of user ", user.uid),
      " have ", all ? of_all : of_user,
      " connections to the server and descriptors, in requests or waiting to "
      "be closed, and may have ",
      all ? limits_.files : limits_.files_of_user,
      ", for which the server's RLIMIT_NOFILE is the measure: end some, or "
      "raise the limit"));
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
                     " bytes, and may hold ", limit,
                     " (ServerOptions::max_held_bytes_per_user): wait until "
                     "calls in progress have ended"));
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
      " sent wait to be closed, and ", accounts_->limits_.files_of_user,
      " may, for which the server's RLIMIT_NOFILE is the measure: try again "
      "when closing them does not block any more"));
}

void ClientShare::Release(size_t bytes, size_t descriptors) {
  user_.held_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  if (descriptors > 0) accounts_->RemoveFiles(user_, descriptors);
}

}  // namespace fdrpc
