#ifndef FDRPC_SERVICES_HOST_DESCRIPTOR_STORE_H_
#define FDRPC_SERVICES_HOST_DESCRIPTOR_STORE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fdrpc/shared_fd.h"
#include "fdrpc/unique_fd.h"
#include "services/host/hosted_process.h"
#include "services/host/keeper_link.h"

namespace fdrpc::host {

// The descriptors that the processes of one service have given to the host for
// their successors, with the keeper.
class DescriptorStore {
 public:
  // Borrows the keeper.
  DescriptorStore(KeeperLink& keeper, std::string service)
      : keeper_(keeper), prefix_("stored/" + std::move(service) + "/") {}

  // One that another host has stored under the key that ends with `number`.
  void Adopt(uint64_t number, std::string name, SharedFd fd);
  // False if there are `most` already. An open file that is there already is
  // not stored again.
  bool Add(const std::string& name, UniqueFd fd, size_t most);
  // All with that name.
  void Remove(const std::string& name);
  void Clear();

  size_t size() const { return stored_.size(); }
  // The oldest first.
  std::vector<PassedDescriptor> Passed() const;

 private:
  KeeperLink& keeper_;
  const std::string prefix_;  // of the keys
  std::map<uint64_t, PassedDescriptor> stored_;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_DESCRIPTOR_STORE_H_
