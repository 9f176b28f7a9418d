#ifndef FDRPC_SERVICES_HOST_CONNECTED_CLIENTS_H_
#define FDRPC_SERVICES_HOST_CONNECTED_CLIENTS_H_

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace fdrpc::host {

// How many connections there are to sockets with one of these names: paths, or
// "@" and an abstract name. `table` is the content of /proc/net/unix, which
// shows those of clients in this network namespace.
size_t CountConnectedClients(std::string_view table,
                             const std::set<std::string>& names);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_CONNECTED_CLIENTS_H_
