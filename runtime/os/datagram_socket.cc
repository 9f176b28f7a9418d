#include "os/datagram_socket.h"

#include <linux/filter.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "os/connect_failure.h"
#include "os/datagram_door.h"
#include "os/local_socket.h"
#include "os/random_numbers.h"
#include "os/socket_file.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

// Answers that the other socket of a pair can have sent and this one not
// received: what its buffer (212,992 bytes by default) holds of the largest.
constexpr size_t kPairWindow = 3;

// How many datagrams the queue of a new socket holds (unix(7)).
size_t QueueLength() {
  constexpr size_t kDefault = 10;
  const Syscalls& syscalls = Syscalls::Get();
  const UniqueFd file(syscalls.openat(
      AT_FDCWD, "/proc/sys/net/unix/max_dgram_qlen", O_RDONLY | O_CLOEXEC, 0));
  char text[16] = {};
  if (!file.ok() || syscalls.read(file.get(), text, sizeof(text) - 1) <= 0) {
    return kDefault;
  }
  return static_cast<size_t>(std::clamp(std::atoi(text), 1, 1024));
}

// As the filter's machine loads four bytes: in network order.
uint32_t NetworkOrder(const char* bytes) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

// Makes the kernel drop what does not begin like an answer. A load behind the
// end drops it, too.
absl::Status DropOthers(int socket, const char* magic, uint64_t key,
                        uint32_t key_offset) {
  char bytes[sizeof(key)];
  for (size_t i = 0; i < sizeof(key); ++i) {
    bytes[i] = static_cast<char>(key >> 8 * i);
  }
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NetworkOrder(magic), 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, key_offset),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NetworkOrder(bytes), 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, key_offset + 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NetworkOrder(bytes + 4), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
      BPF_STMT(BPF_RET | BPF_K, 0)};
  const sock_fprog filter = {.len = std::size(program), .filter = program};
  if (Syscalls::Get().setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
                                 sizeof(filter)) < 0) {
    return absl::ErrnoToStatus(errno, "SO_ATTACH_FILTER");
  }
  return absl::OkStatus();
}

// Binds the socket to an abstract name that exists nowhere else. With one of
// the kernel's short names (autobind), an answer that crosses into another
// network namespace could reach a stranger of the same name.
absl::Status BindToRandomName(int socket) {
  RandomNumbers random;
  const std::string name =
      absl::StrFormat("fdrpc-%016x%016x", random.Next(), random.Next());
  SocketName own;
  own.address.sun_family = AF_UNIX;
  std::memcpy(own.address.sun_path + 1, name.data(), name.size());
  own.length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (Syscalls::Get().bind(socket,
                           reinterpret_cast<const sockaddr*>(&own.address),
                           own.length) < 0) {
    return absl::ErrnoToStatus(errno, "binding a client's datagram socket");
  }
  return absl::OkStatus();
}

// An address that the kernel takes. `directory` stays open while it is used.
absl::StatusOr<UnixAddress> Reachable(const UnixAddress& address,
                                      UniqueFd& directory) {
  if (!address.is_long()) return address;
  absl::StatusOr<UniqueFd> opened = OpenDirectory(address);
  if (!opened.ok()) return opened.status();
  directory = *std::move(opened);
  return address.Through(directory.get());
}

// Of OpenDirectory().
int ErrnoOf(const absl::Status& failure) {
  switch (failure.code()) {
    case absl::StatusCode::kNotFound:
      return ENOENT;
    case absl::StatusCode::kResourceExhausted:
      return EMFILE;
    default:
      return EACCES;
  }
}

}  // namespace

DatagramSocket::DatagramSocket(UniqueFd fd, size_t window,
                               std::optional<UnixAddress> server)
    : fd_(std::move(fd)), window_(window), server_(std::move(server)) {
  const PeerCredentials own = OwnCredentials();
  if (own.uid != ::getuid() || own.gid != ::getgid()) credentials_ = own;
}

absl::StatusOr<DatagramSocket> DatagramSocket::Create(const UnixAddress& server,
                                                      const char* answer_magic,
                                                      uint64_t key,
                                                      uint32_t key_offset) {
  absl::StatusOr<UniqueFd> fd = NewLocalSocket(SOCK_DGRAM);
  if (!fd.ok()) return fd.status();
  // Before it has a name, so that nothing else is ever in its queue.
  absl::Status prepared = DropOthers(fd->get(), answer_magic, key, key_offset);
  if (prepared.ok()) prepared = BindToRandomName(fd->get());
  // So that the kernel adds this process's credentials to what it sends, also
  // to a server's socket that does not ask for them yet.
  if (prepared.ok()) prepared = PrepareDoor(fd->get());
  if (!prepared.ok()) return prepared;
  return DatagramSocket(*std::move(fd), QueueLength(), server);
}

absl::StatusOr<DatagramSocket> DatagramSocket::OfPair(UniqueFd socket) {
  absl::Status prepared = PrepareDoor(socket.get());  // as above
  if (!prepared.ok()) return prepared;
  return DatagramSocket(std::move(socket), kPairWindow, std::nullopt);
}

IoResult DatagramSocket::Send(absl::Span<const iovec> pieces,
                              absl::Span<const int> descriptors) const {
  if (!credentials_.has_value()) return SendAs(nullptr, pieces, descriptors);
  const IoResult io = SendAs(&*credentials_, pieces, descriptors);
  if (io.error != EPERM) return io;
  // Credentials that the process has given up since (scm_check_creds in
  // net/core/scm.c); or the receiver takes no descriptors.
  const PeerCredentials now = OwnCredentials();
  if (now.uid == credentials_->uid && now.gid == credentials_->gid) return io;
  return SendAs(&now, pieces, descriptors);
}

IoResult DatagramSocket::SendAs(const PeerCredentials* own,
                                absl::Span<const iovec> pieces,
                                absl::Span<const int> descriptors) const {
  if (!server_.has_value()) {
    return SendWithDescriptors(fd(), pieces, descriptors, own);
  }
  UniqueFd directory;
  const absl::StatusOr<UnixAddress> reachable = Reachable(*server_, directory);
  if (!reachable.ok()) return {.error = ErrnoOf(reachable.status())};
  SocketName to;
  to.length = reachable->length();
  std::memcpy(&to.address, reachable->socket_address(), to.length);
  return SendWithDescriptors(fd(), pieces, descriptors, own, &to);
}

bool DatagramSocket::HasOwnRoom() const {
  if (!server_.has_value()) return false;
  pollfd own = {.fd = fd(), .events = POLLOUT, .revents = 0};
  const timespec at_once = {};
  return Syscalls::Get().ppoll(&own, 1, &at_once, nullptr) > 0;
}

absl::Status DatagramSocket::WatchServersQueue(UniqueFd& room) const {
  if (!room.ok()) {
    absl::StatusOr<UniqueFd> made = NewLocalSocket(SOCK_DGRAM);
    if (!made.ok()) return made.status();
    room = *std::move(made);
  }
  UniqueFd directory;
  const absl::StatusOr<UnixAddress> reachable = Reachable(*server_, directory);
  if (!reachable.ok()) return reachable.status();
  const int connected = RetryOnEintr([&] {
    return Syscalls::Get().connect(room.get(), reachable->socket_address(),
                                   reachable->length());
  });
  return connected < 0 ? ConnectFailure(*server_, errno) : absl::OkStatus();
}

absl::Status DatagramSocket::Failure(int error) const {
  if (!server_.has_value()) {
    switch (error) {
      case ECONNREFUSED:
      case ECONNRESET:
      case ENOTCONN:
      case EPIPE:
        return absl::UnavailableError(
            "nobody has the other socket of the datagram pair");
      default:
        return absl::ErrnoToStatus(error, "sendmsg to a datagram pair");
    }
  }
  // A server that shuts down takes nothing more.
  if (error == EPIPE || error == ECONNRESET) error = ECONNREFUSED;
  const absl::Status failure = ConnectFailure(*server_, error);
  return absl::IsUnavailable(failure) ? ExplainNoListener(*server_, failure)
                                      : failure;
}

}  // namespace fdrpc
