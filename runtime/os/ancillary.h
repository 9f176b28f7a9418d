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

namespace fdrpc {

// SCM_MAX_FD of net/core/scm.c: one more makes sendmsg(2) fail with EINVAL.
inline constexpr size_t kMaxDescriptorsPerSend = 253;

// What a system call that moves bytes did: their number, or an errno.
struct IoResult {
  ssize_t bytes = 0;
  int error = 0;
  // The packet that was received is longer than that; the rest is lost
  // (MSG_TRUNC).
  bool cut_off = false;
};

// One sendmsg(2) of `pieces` with all of `descriptors` attached to the first
// byte, without blocking and without SIGPIPE. If any byte was sent, so were all
// descriptors; the caller keeps its own. On an error nothing was sent. `pieces`
// must hold at least a byte in all: the kernel drops descriptors that are sent
// with none. `sender`: those of this process, to be sent along.
IoResult SendWithDescriptors(int socket, absl::Span<const iovec> pieces,
                             absl::Span<const int> descriptors,
                             const PeerCredentials* sender = nullptr);

// Whether a descriptor of that number is open.
bool IsOpen(int fd);

// Descriptors that one recvmsg(2) brought, each close-on-exec.
struct ReceivedDescriptors {
  std::vector<UniqueFd> fds;
  // The kernel installed fewer than were sent (MSG_CTRUNC): this process is at
  // its RLIMIT_NOFILE, or a security module refused one. Never the control
  // buffer's size, which has room for every set that can be sent.
  bool truncated = false;
  // Who sent them, where SO_PASSCRED asks for it.
  std::optional<PeerCredentials> sender;
};

// One recvmsg(2) into `pieces`, one behind the other, or of a packet, without
// blocking. 0 bytes without an error is the end. At most one set of descriptors
// arrives with it, the one that was attached to a byte of those received
// (unix(7)), or to the packet.
IoResult ReceiveWithDescriptors(int socket, absl::Span<const iovec> pieces,
                                ReceivedDescriptors& descriptors);

}  // namespace fdrpc

#endif  // FDRPC_OS_ANCILLARY_H_
