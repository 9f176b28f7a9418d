#ifndef FDRPC_OS_DATAGRAM_SOCKET_H_
#define FDRPC_OS_DATAGRAM_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/unique_fd.h"
#include "os/ancillary.h"
#include "os/own_fd.h"
#include "os/unix_address.h"

namespace fdrpc {

// A client's socket for calls in datagrams: sends each one to the server's
// address, so that another server may have taken the place of the last one; or
// to the other socket of its pair. It has an abstract name of its own, to which
// the server answers, or needs none as one of a pair.
//
// Threads: any may send while one receives.
class DatagramSocket {
 public:
  // `answer_magic` and `key`: the first four bytes of what it accepts, and the
  // eight bytes at `key_offset`, little-endian. The kernel drops anything else
  // (SO_ATTACH_FILTER), so strangers cannot fill the queue. Errors by their
  // errno.
  static absl::StatusOr<DatagramSocket> Create(const UnixAddress& server,
                                               const char* answer_magic,
                                               uint64_t key,
                                               uint32_t key_offset);
  // One of a pair; already non-blocking and close-on-exec.
  static absl::StatusOr<DatagramSocket> OfPair(UniqueFd socket);

  int fd() const { return fd_.get(); }
  // Whether it is one of a pair: if the other socket is closed, no other server
  // can take its place.
  bool is_pair() const { return !server_.has_value(); }
  // How many answers its queue holds, or for a pair the other socket's buffer.
  // The server drops what does not fit there.
  size_t window() const { return window_; }

  // One sendmsg(2), which does not block. EAGAIN: there is no room, in the
  // server's queue or in this socket's buffer. The credentials that the server
  // sees are those of this object's making; if the process has given up that
  // user since (setuid(2)), its present ones, for one more sendmsg(2).
  IoResult Send(absl::Span<const iovec> pieces,
                absl::Span<const int> descriptors) const;
  IoResult Receive(absl::Span<const iovec> pieces,
                   ReceivedDescriptors& descriptors) const {
    return ReceiveWithDescriptors(fd(), pieces, descriptors);
  }

  // After EAGAIN: whether this socket's own buffer has room, so that it is the
  // server's queue that is full. If not, the socket polls as writable once it
  // has. Always false for a pair, whose socket polls correctly.
  bool HasOwnRoom() const;
  // For that case: a socket that polls as writable once the queue of the server
  // that is there now has room, or that server has gone. Only a connected
  // socket does (unix_dgram_poll in net/unix/af_unix.c); one that sends to
  // addresses polls as writable whatever the receiver's queue. Uses `room`
  // again, if there is one. Errors of ConnectFailure(). Not for a pair.
  absl::Status WatchServersQueue(UniqueFd& room) const;

  // Why a send failed, as a status: UNAVAILABLE, with details, if there is no
  // server.
  absl::Status Failure(int error) const;

 private:
  DatagramSocket(UniqueFd fd, size_t window, std::optional<UnixAddress> server);

  IoResult SendAs(const PeerCredentials* own, absl::Span<const iovec> pieces,
                  absl::Span<const int> descriptors) const;

  OwnFd fd_;
  size_t window_;
  std::optional<UnixAddress> server_;  // none: a pair
  // None: those that the kernel adds, which are the real ones.
  std::optional<PeerCredentials> credentials_;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_DATAGRAM_SOCKET_H_
