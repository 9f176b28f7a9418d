#include "services/filebroker/user_quota.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::filebroker {

std::shared_ptr<UserQuota> UserQuota::Create(std::string what, int most,
                                             std::string help) {
  return std::shared_ptr<UserQuota>(
      new UserQuota(std::move(what), most, std::move(help)));
}

absl::StatusOr<UserQuota::Hold> UserQuota::Take(uid_t user) {
  {
    const std::lock_guard lock(mutex_);
    int& taken = taken_[user];
    if (taken >= most_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("user ", user, " has ", most_, " ", what_,
                       ", which is the limit; ", help_));
    }
    ++taken;
  }
  return Hold(nullptr, [self = shared_from_this(), user](void*) {
    self->GiveBack(user);
  });
}

void UserQuota::GiveBack(uid_t user) {
  const std::lock_guard lock(mutex_);
  const auto found = taken_.find(user);
  if (--found->second == 0) taken_.erase(found);
}

}  // namespace fdrpc::filebroker
