#ifndef FDRPC_SERVICES_HOST_SERVICE_CONFIG_H_
#define FDRPC_SERVICES_HOST_SERVICE_CONFIG_H_

#include <optional>
#include <string>

#include "services/host/config_file.h"
#include "services/host/config_message.h"
#include "services/host/hosted_service.h"

namespace fdrpc::host {

// The service that a file describes. Everything that is wrong becomes an error
// of the file, and the service is not to be hosted then.
HostedService ResolveService(const std::string& name, ConfigFile& file);

// Its parts: what the process is started with, and the sockets.
void ResolveProcess(const v1::ServiceConfig& config, const ConfigMessage& place,
                    HostedService& service);
void ResolveSockets(const v1::ServiceConfig& config, const ConfigMessage& place,
                    HostedService& service);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_SERVICE_CONFIG_H_
