#include "services/filebroker/root_policy.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::filebroker {
namespace {

absl::StatusOr<std::shared_ptr<const RootDirectory>> OpenRoot(
    const std::string& path) {
  absl::StatusOr<RootDirectory> root = RootDirectory::Create(path);
  if (!root.ok()) return root.status();
  return std::make_shared<const RootDirectory>(*std::move(root));
}

}  // namespace

absl::StatusOr<RootPolicy> RootPolicy::Create(const Options& options) {
  RootPolicy policy;
  policy.read_only_ = options.read_only;
  policy.read_only_users_ = options.read_only_users;
  if (!options.root.empty()) {
    auto root = OpenRoot(options.root);
    if (!root.ok()) return root.status();
    policy.root_ = *std::move(root);
  }
  for (const auto& [user, path] : options.user_roots) {
    auto root = OpenRoot(path);
    if (!root.ok()) return root.status();
    policy.user_roots_.emplace(user, *std::move(root));
  }
  return policy;
}

absl::StatusOr<DirectoryAccess> RootPolicy::AccessOf(
    const PeerCredentials& client) const {
  const auto own = user_roots_.find(client.uid);
  const std::shared_ptr<const RootDirectory>& root =
      own != user_roots_.end() ? own->second : root_;
  if (root == nullptr) {
    return absl::PermissionDeniedError(
        absl::StrCat("user ", client.uid,
                     " has no root here; the broker's --user-root and --root "
                     "give one"));
  }
  return DirectoryAccess(
      root, read_only_ || read_only_users_.contains(client.uid), client);
}

}  // namespace fdrpc::filebroker
