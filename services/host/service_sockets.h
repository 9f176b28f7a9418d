#ifndef FDRPC_SERVICES_HOST_SERVICE_SOCKETS_H_
#define FDRPC_SERVICES_HOST_SERVICE_SOCKETS_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "fdrpc/shared_fd.h"
#include "services/host/hosted_process.h"
#include "services/host/hosted_service.h"
#include "services/host/keeper_link.h"

namespace fdrpc::host {

// The listening sockets of one service, which the keeper keeps, too. They stay
// open, with their files, until they are closed here.
class ServiceSockets {
 public:
  // Borrows the keeper.
  ServiceSockets(KeeperLink& keeper, std::string service)
      : keeper_(keeper), prefix_("socket/" + std::move(service) + "/") {}

  // One that another host has opened.
  void Adopt(const std::string& address, SharedFd socket);
  // Opens those that are not open yet: all or, with an error, none.
  absl::Status Open(const std::vector<HostedSocket>& sockets);
  // Closes the others, and removes their files.
  void KeepOnly(const std::vector<HostedSocket>& sockets);

  // In the order of the configuration. All must be open.
  std::vector<PassedDescriptor> PassedFor(
      const std::vector<HostedSocket>& sockets) const;
  const std::map<std::string, SharedFd>& by_address() const { return open_; }
  // As /proc/net/unix shows them.
  std::set<std::string> Names() const;

 private:
  void Close(const std::string& address);

  KeeperLink& keeper_;
  const std::string prefix_;  // of the keys
  std::map<std::string, SharedFd> open_;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_SERVICE_SOCKETS_H_
