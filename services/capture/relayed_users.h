#ifndef FDRPC_SERVICES_CAPTURE_RELAYED_USERS_H_
#define FDRPC_SERVICES_CAPTURE_RELAYED_USERS_H_

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "os/background_close.h"
#include "os/descriptor_quota.h"

namespace fdrpc::capture {

// The users of a relay, and what each has of it. Foreign users, which are all
// but root and this process's user, have half of the connections together, and
// one of them a quarter, so that they shut out neither the others nor each
// other. One thread.
class RelayedUsers {
 public:
  struct User {
    User(uid_t id, bool foreign, size_t most_in_flight,
         std::shared_ptr<PendingCloses> all_closes)
        : uid(id),
          is_foreign(foreign),
          in_flight(most_in_flight),
          closes(std::make_shared<PendingCloses>(std::move(all_closes))) {}

    const uid_t uid;
    const bool is_foreign;
    size_t connections = 0;
    // Descriptors that the relay has sent for the user's connections, to either
    // side, and that were not received.
    DescriptorQuota in_flight;
    // Those of the user that are being closed.
    const std::shared_ptr<PendingCloses> closes;
  };

  // The place of a client's connection, with those for calls back: counts for
  // its user as long as it exists. Borrows the users.
  class Place {
   public:
    Place(RelayedUsers& users, User& user);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    User& user() const { return user_; }

   private:
    RelayedUsers& users_;
    User& user_;
  };

  // What the relay has for all: connections, and open files.
  RelayedUsers(size_t most_connections, size_t open_files);

  static bool IsForeign(uid_t uid);

  // RESOURCE_EXHAUSTED if the user has as many as it may have; null if that was
  // said of the user before, and no place became free since then.
  absl::StatusOr<std::shared_ptr<Place>> Admit(uid_t uid);

  // All of them.
  size_t connections() const { return connections_; }
  // The descriptors that foreign users sent and that are being closed.
  size_t foreign_closes() const { return foreign_closes_->count(); }

 private:
  User& FindOrAdd(uid_t uid);
  absl::Status CheckRoom(const User& user) const;
  // Forgets users of whom nothing is left.
  void Forget();

  const size_t most_connections_;
  const size_t most_in_flight_;
  size_t connections_ = 0;
  size_t foreign_connections_ = 0;
  const std::shared_ptr<PendingCloses> foreign_closes_ =
      std::make_shared<PendingCloses>();
  std::map<uid_t, std::unique_ptr<User>> users_;
  std::set<uid_t> refused_;
};

}  // namespace fdrpc::capture

#endif  // FDRPC_SERVICES_CAPTURE_RELAYED_USERS_H_
