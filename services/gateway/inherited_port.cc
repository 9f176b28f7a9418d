#include "services/gateway/inherited_port.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/gateway/start_thread.h"

namespace fdrpc::gateway {
namespace {

// After this time, the gateway tries again to accept what it could not.
constexpr int kPauseMilliseconds = 100;

// Of a family whose connections gRPC takes; those of others it would not even
// close.
bool ListensForStreams(int fd) {
  int listens = 0;
  int type = 0;
  int family = AF_UNSPEC;
  socklen_t size = sizeof(int);
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
         getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
         getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 &&
         listens != 0 && type == SOCK_STREAM &&
         (family == AF_INET || family == AF_INET6 || family == AF_UNIX);
}

}  // namespace

absl::StatusOr<std::unique_ptr<InheritedPort>> InheritedPort::Create(
    const std::string& address) {
  constexpr std::string_view kScheme = "fd:";
  int fd = -1;
  if (!absl::SimpleAtoi(address.substr(kScheme.size()), &fd) || fd < 0 ||
      !ListensForStreams(fd)) {
    return absl::InvalidArgumentError(absl::StrCat(
        address,
        " is not a listening stream socket of TCP, or of this machine, that "
        "was inherited"));
  }
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  // Another process may take a connection before this one accepts it.
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return std::unique_ptr<InheritedPort>(new InheritedPort(UniqueFd(fd)));
}

void InheritedPort::AddTo(
    ::grpc::ServerBuilder& builder,
    std::shared_ptr<::grpc::ServerCredentials> credentials) {
  using Type = ::grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
      Type::FROM_FD, std::move(credentials));
}

absl::Status InheritedPort::Start() {
  stopped_ = UniqueFd(eventfd(0, EFD_CLOEXEC));
  if (!stopped_.ok()) {
    return absl::ErrnoToStatus(errno, "the gateway cannot accept connections");
  }
  absl::StatusOr<std::thread> thread =
      StartThread([this] { AcceptUntilStopped(); });
  if (thread.ok()) thread_ = *std::move(thread);
  return thread.status();
}

void InheritedPort::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  (void)!write(stopped_.get(), &one, sizeof(one));
  thread_.join();
}

void InheritedPort::AcceptUntilStopped() {
  pollfd polled[] = {{.fd = stopped_.get(), .events = POLLIN, .revents = 0},
                     {.fd = listener_.get(), .events = POLLIN, .revents = 0}};
  bool pauses = false;
  while (true) {
    if (poll(polled, pauses ? 1 : 2, pauses ? kPauseMilliseconds : -1) < 0) {
      continue;  // a signal
    }
    if (polled[0].revents != 0) return;
    const int fd = accept4(listener_.get(), nullptr, nullptr,
                           SOCK_CLOEXEC | SOCK_NONBLOCK);
    // EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection stays in the queue.
    // EINVAL: somebody has shut the socket down, and may listen again.
    pauses =
        fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED;
    if (fd < 0) continue;
    // As gRPC's own; without effect on a Unix-domain socket.
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    ::grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters
        connection;
    connection.listener_fd = listener_.get();
    connection.fd = fd;
    acceptor_->HandleNewConnection(&connection);
  }
}

}  // namespace fdrpc::gateway
