#ifndef FDRPC_TRANSPORT_SOCKET_TRANSPORT_H_
#define FDRPC_TRANSPORT_SOCKET_TRANSPORT_H_

#include <memory>

#include "fdrpc/unique_fd.h"
#include "transport/transport.h"

namespace fdrpc {

// The transport for a connected, non-blocking socket of that type, which it
// owns: SOCK_STREAM or SOCK_SEQPACKET.
std::unique_ptr<Transport> CreateSocketTransport(UniqueFd socket, int type);

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_SOCKET_TRANSPORT_H_
