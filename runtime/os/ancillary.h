#ifndef FDRPC_OS_ANCILLARY_H_
#define FDRPC_OS_ANCILLARY_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/unique_fd.h"
#include "os/socket_name.h"

namespace fdrpc {

// SCM_MAX_FD of net/core/scm.c: sendmsg(2) fails with EINVAL for one more.
inline constexpr size_t kMaxDescriptorsPerSend = 253;

// The result of a system call that moves bytes: their number, or an errno.
struct IoResult {
  ssize_t bytes = 0;
  int error = 0;
  // The received packet was longer than the buffer, and the rest is lost
  // (MSG_TRUNC).
  bool cut_off = false;
};

// Makes one sendmsg(2) of `pieces`, with all of `descriptors` attached to the
// first byte, without blocking and without SIGPIPE. If any byte was sent, all
// descriptors were; the caller keeps its own. After an error nothing was sent.
// On a stream, `pieces` must hold at least one byte in all, because the kernel
// drops descriptors that are sent without bytes. `sender`, if not null,
// is sent along: the credentials of this process. `to`, if not null, is the
// receiver of a datagram.
IoResult SendWithDescriptors(int socket, absl::Span<const iovec> pieces,
                             absl::Span<const int> descriptors,
                             const PeerCredentials* sender = nullptr,
                             const SocketName* to = nullptr);

// Whether `fd` is the number of an open descriptor.
bool IsOpen(int fd);

// The descriptors that one recvmsg(2) received, all with close-on-exec.
struct ReceivedDescriptors {
  std::vector<UniqueFd> fds;
  // The kernel installed fewer descriptors than were sent (MSG_CTRUNC), because
  // this process has reached RLIMIT_NOFILE, or because a security module
  // refused one. The size of the control buffer is never the reason: it has
  // room for every set that can be sent.
  bool truncated = false;
  // The sender, if SO_PASSCRED is set.
  std::optional<PeerCredentials> sender;
};

// Makes one recvmsg(2) into `pieces`, without blocking. 0 bytes without an
// error means the end of the stream. At most one set of descriptors arrives
// with it: the one that was attached to one of the received bytes (unix(7)), or
// to the packet. `from`, if not null, receives the name of a datagram's sender.
IoResult ReceiveWithDescriptors(int socket, absl::Span<const iovec> pieces,
                                ReceivedDescriptors& descriptors,
                                SocketName* from = nullptr);

// From now on, sends of descriptors to that Unix-domain socket fail with EPERM
// (SO_PASSRIGHTS, Linux 6.16). Does nothing on older kernels.
void RefuseDescriptors(int socket);

}  // namespace fdrpc

#endif  // FDRPC_OS_ANCILLARY_H_
