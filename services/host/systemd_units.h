#ifndef FDRPC_SERVICES_HOST_SYSTEMD_UNITS_H_
#define FDRPC_SERVICES_HOST_SYSTEMD_UNITS_H_

#include <string>
#include <vector>

#include "services/host/hosted_service.h"

namespace fdrpc::host {

struct SystemdUnit {
  std::string name;  // of its file
  std::string text;
};

// The units by which systemd runs the service in the same way: NAME.service,
// and one for each socket. What systemd does not have is a comment in them.
std::vector<SystemdUnit> SystemdUnitsOf(const HostedService& service);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_SYSTEMD_UNITS_H_
