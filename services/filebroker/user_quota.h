#ifndef FDRPC_SERVICES_FILEBROKER_USER_QUOTA_H_
#define FDRPC_SERVICES_FILEBROKER_USER_QUOTA_H_

#include <sys/types.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace fdrpc::filebroker {

// Counts what each user has of one kind.
//
// Threads: safe.
class UserQuota : public std::enable_shared_from_this<UserQuota> {
 public:
  // Counts one until it is destroyed.
  using Hold = std::shared_ptr<void>;

  // `what` is a plural, and `help` says how a user gets below `most` again:
  // both for messages.
  static std::shared_ptr<UserQuota> Create(std::string what, int most,
                                           std::string help);

  // RESOURCE_EXHAUSTED if the user has `most`.
  absl::StatusOr<Hold> Take(uid_t user);

 private:
  UserQuota(std::string what, int most, std::string help)
      : what_(std::move(what)), most_(most), help_(std::move(help)) {}

  void GiveBack(uid_t user);

  const std::string what_;
  const int most_;
  const std::string help_;
  std::mutex mutex_;
  std::map<uid_t, int> taken_;
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_USER_QUOTA_H_
