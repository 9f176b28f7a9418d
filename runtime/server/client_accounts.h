#ifndef FDRPC_SERVER_CLIENT_ACCOUNTS_H_
#define FDRPC_SERVER_CLIENT_ACCOUNTS_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "fdrpc/server.h"
#include "fdrpc/server_activity.h"
#include "fdrpc/server_statistics.h"
#include "os/background_close.h"
#include "os/descriptor_quota.h"
#include "transport/ring_quota.h"

namespace fdrpc {

class ClientShare;

// Counts what clients make a server hold, in all and for each user:
// connections, open files, and bytes of their requests. Any thread.
class ClientAccounts : public std::enable_shared_from_this<ClientAccounts> {
 public:
  struct Limits {
    size_t connections = 0;
    size_t connections_of_user = 0;
    // Connections, the descriptors of requests, and those of both that wait to
    // be closed.
    size_t files = 0;
    size_t files_of_user = 0;
    size_t held_bytes_of_user = 0;
    // Descriptors of replies that a user has not received: queued, and in
    // flight.
    size_t unreceived_of_user = 0;
    // Of rings in shared memory; and of the descriptors of those that their
    // clients have not joined yet, which are within the reserve.
    size_t ring_bytes = 0;
    size_t ring_bytes_of_user = 0;
    size_t ring_files = 0;
    size_t ring_files_of_user = 0;
  };
  // The limits from the options, in a process that may open that many files.
  static Limits LimitsFor(const ServerOptions& options, size_t open_files);

  explicit ClientAccounts(const Limits& limits)
      : limits_(limits), rings_(limits.ring_bytes, limits.ring_files) {}
  ClientAccounts(const ClientAccounts&) = delete;
  ClientAccounts& operator=(const ClientAccounts&) = delete;

  // Counts a connection of that user during the lifetime of its share, which
  // keeps the accounts. UNAVAILABLE, with the limit that is reached.
  absl::StatusOr<std::unique_ptr<ClientShare>> Admit(uid_t user)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Counts what waits to be closed for a user who may have no connection.
  std::shared_ptr<PendingCloses> ClosesOf(uid_t user) ABSL_LOCKS_EXCLUDED(mu_);

  // Adds what all clients hold at present to `statistics`.
  void AddTo(ServerStatistics& statistics) const ABSL_LOCKS_EXCLUDED(mu_);
  // The same for each user, by uid.
  std::vector<UserActivity> activity() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class ClientShare;

  struct User {
    const uid_t uid;
    size_t connections = 0;  // guarded by mu_, like `files`
    size_t files = 0;
    std::atomic<size_t> held_bytes{0};
    UnreceivedDescriptors unreceived;
    RingQuota rings;
    // Others that hold it may have something to close for the user.
    const std::shared_ptr<PendingCloses> closes;
  };

  User& FindOrAdd(uid_t uid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Why that many more files are too many; OK if they are not.
  absl::Status CheckFiles(const User& user, size_t more) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status AddFiles(User& user, size_t count) ABSL_LOCKS_EXCLUDED(mu_);
  void RemoveFiles(User& user, size_t count) ABSL_LOCKS_EXCLUDED(mu_);
  void Leave(User& user) ABSL_LOCKS_EXCLUDED(mu_);
  // Forgets users without connections whose descriptors are closed.
  void ForgetUsers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Limits limits_;
  RingQuota rings_;
  const std::shared_ptr<PendingCloses> closes_ =
      std::make_shared<PendingCloses>();

  mutable Mutex mu_;
  // The users that have connections, or something that is not closed.
  absl::flat_hash_map<uid_t, std::unique_ptr<User>> users_ ABSL_GUARDED_BY(mu_);
  bool some_are_gone_ ABSL_GUARDED_BY(mu_) = false;
  size_t connections_ ABSL_GUARDED_BY(mu_) = 0;
  size_t files_ ABSL_GUARDED_BY(mu_) = 0;
};

// One connection's entry in the account of its user: counts what the connection
// and its requests hold, and refuses what exceeds the user's limits. Exists as
// long as the connection counts for the user; everything that it was charged
// with must be released before. It holds nothing itself.
class ClientShare {
 public:
  ~ClientShare() { accounts_->Leave(user_); }
  ClientShare(const ClientShare&) = delete;
  ClientShare& operator=(const ClientShare&) = delete;

  // Counts what requests hold. RESOURCE_EXHAUSTED, without counting it, if that
  // is too much.
  absl::Status Charge(size_t bytes, size_t descriptors);
  void Release(size_t bytes, size_t descriptors);

  // Counts what its connection receives, and the connection's own socket.
  const std::shared_ptr<PendingCloses>& closes() const { return user_.closes; }
  // RESOURCE_EXHAUSTED once so much waits to be closed that nothing more should
  // be received, because that would have to be closed, too.
  absl::Status CheckCloses() const;

  // Of all connections of the user, during this one's lifetime.
  UnreceivedDescriptors& unreceived() { return user_.unreceived; }
  RingQuota& rings() { return user_.rings; }

 private:
  friend class ClientAccounts;
  ClientShare(std::shared_ptr<ClientAccounts> accounts,
              ClientAccounts::User& user)
      : accounts_(std::move(accounts)), user_(user) {}

  const std::shared_ptr<ClientAccounts> accounts_;
  ClientAccounts::User& user_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CLIENT_ACCOUNTS_H_
