#include "os/datagram_door.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "os/ancillary.h"
#include "os/inherited_socket.h"
#include "os/local_socket.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

// The magic number, version 1, and two reserved bytes.
constexpr char kKnock[8] = {'F', 'D', 'R', 'D', 1, 0, 0, 0};

// Whether the received descriptors are one socket of a pair that the sender has
// made.
bool IsKnock(const ReceivedDescriptors& set) {
  if (set.fds.size() != 1 || !set.sender.has_value()) return false;
  const absl::StatusOr<SocketKind> kind = GetSocketKind(set.fds[0].get());
  if (!kind.ok() || kind->domain != AF_UNIX || kind->type != SOCK_SEQPACKET ||
      !kind->connected) {
    return false;
  }
  const absl::StatusOr<PeerCredentials> maker =
      GetPeerCredentials(set.fds[0].get());
  return maker.ok() && maker->pid == set.sender->pid &&
         maker->uid == set.sender->uid && maker->gid == set.sender->gid;
}

}  // namespace

absl::StatusOr<UniqueFd> Knock(int socket, const std::string& address) {
  int fds[2] = {-1, -1};
  if (Syscalls::Get().socketpair(
          AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
    return absl::ErrnoToStatus(errno, "socketpair");
  }
  UniqueFd ours(fds[0]);
  const UniqueFd theirs(fds[1]);
  const iovec piece = {.iov_base = const_cast<char*>(kKnock),
                       .iov_len = sizeof(kKnock)};
  const int sent[] = {theirs.get()};
  // Credentials that the sender attaches are delivered even if the server asks
  // for them only later, as with a service manager's socket.
  const PeerCredentials own = OwnCredentials();
  IoResult io = SendWithDescriptors(socket, {&piece, 1}, sent, &own);
  if (io.error == EINVAL) {
    // In a user namespace that does not map its ids, this process cannot attach
    // them (user_namespaces(7)). The kernel adds credentials if the server has
    // asked for them already.
    io = SendWithDescriptors(socket, {&piece, 1}, sent);
  }
  switch (io.error) {
    case 0:
      return ours;
    case EAGAIN:
      return UniqueFd();
    case ECONNREFUSED:
    case ECONNRESET:
    case ENOTCONN:
    case EPIPE:
      return absl::UnavailableError(
          absl::StrCat("nobody listens on ", address));
    case EPERM:
      return absl::PermissionDeniedError(absl::StrCat(
          address,
          " takes no descriptors from this process (SO_PASSRIGHTS, or "
          "a security module)"));
    case ETOOMANYREFS:
      return absl::ResourceExhaustedError(
          "too many descriptors of this user are in flight (ETOOMANYREFS)");
    default:
      return absl::ErrnoToStatus(io.error, absl::StrCat("sendmsg ", address));
  }
}

absl::Status PrepareDoor(int door) {
  const int on = 1;
  if (Syscalls::Get().setsockopt(door, SOL_SOCKET, SO_PASSCRED, &on,
                                 sizeof(on)) < 0) {
    return absl::ErrnoToStatus(errno, "SO_PASSCRED");
  }
  return absl::OkStatus();
}

int ReceiveDatagram(int socket, absl::Span<char> buffer,
                    ReceivedDatagram& datagram) {
  const iovec piece = {.iov_base = buffer.data(), .iov_len = buffer.size()};
  const IoResult io =
      ReceiveWithDescriptors(socket, {&piece, 1}, datagram.set, &datagram.from);
  if (io.error != 0) return io.error;
  datagram.bytes = {buffer.data(), static_cast<size_t>(io.bytes)};
  datagram.cut_off = io.cut_off;
  return 0;
}

KnockResult AnswerKnock(ReceivedDatagram& datagram) {
  ReceivedDescriptors& set = datagram.set;
  const bool exact = !datagram.cut_off &&
                     datagram.bytes == std::string_view(kKnock, sizeof(kKnock));
  // Usually the limit of open files, which lasts for a while.
  if (exact && set.truncated && set.fds.empty()) {
    return {.socket = UniqueFd(), .error = EMFILE};
  }
  if (!exact || set.truncated || !IsKnock(set) ||
      !PrepareToPoll(set.fds[0].get()).ok()) {
    return {.socket = UniqueFd(), .error = EBADMSG};
  }
  return {.socket = std::move(set.fds[0]), .error = 0};
}

}  // namespace fdrpc
