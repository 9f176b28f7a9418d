#include "transport/socket_transport.h"

#include <utility>

#include "os/syscalls.h"
#include "transport/packet_transport.h"
#include "transport/stream_transport.h"

namespace fdrpc {

std::unique_ptr<Transport> CreateSocketTransport(UniqueFd socket, int type) {
  if (type == SOCK_SEQPACKET) return PacketTransport::Create(std::move(socket));
  return StreamTransport::Create(std::move(socket));
}

}  // namespace fdrpc
