#include <cstdint>
#include <ostream>
#include <string>

#include "fdrpc/descriptor_set.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/remote_peer.h"
#include "fdrpc/shared_buffer.h"
#include "fdrpc/shared_fd.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {
namespace {

void PrintNumber(int fd, std::ostream& to) {
  if (fd < 0) {
    to << "no descriptor";
  } else {
    to << "descriptor " << fd;
  }
}

}  // namespace

void PrintTo(const UniqueFd& fd, std::ostream* to) {
  PrintNumber(fd.get(), *to);
}

void PrintTo(const SharedFd& fd, std::ostream* to) {
  PrintNumber(fd.get(), *to);
}

void PrintTo(const SharedBuffer& buffer, std::ostream* to) {
  *to << buffer.size() << " bytes of shared memory";
  if (!buffer.writable().empty()) *to << ", writable";
}

void PrintTo(const AttachedFd& fd, std::ostream* to) {
  PrintNumber(fd.get(), *to);
  const std::string place = fd.place();
  if (!place.empty()) *to << " of " << place;
}

void PrintTo(const PeerCredentials& peer, std::ostream* to) {
  *to << "user " << static_cast<int32_t>(peer.uid) << ", group "
      << static_cast<int32_t>(peer.gid) << ", process " << peer.pid;
}

void PrintTo(const RemotePeer& peer, std::ostream* to) {
  *to << "remote peer " << peer.address;
  if (!peer.identity.empty()) *to << " (" << peer.identity << ")";
  *to << " by ";
  PrintTo(peer.forwarder, to);
}

}  // namespace fdrpc
