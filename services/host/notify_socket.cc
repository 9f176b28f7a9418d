#include "services/host/notify_socket.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::host {
namespace {

constexpr size_t kMostText = 4096;
constexpr size_t kMostFiles = 253;  // SCM_MAX_FD

std::string RandomName() {
  uint64_t number = 0;
  // Never short or interrupted for so few bytes.
  (void)!getrandom(&number, sizeof(number), 0);
  return absl::StrCat("fdrpc-host/", absl::Hex(number, absl::kZeroPad16));
}

void TakeControl(msghdr& message, NotifySocket::Message& received) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level != SOL_SOCKET) continue;
    const size_t bytes = control->cmsg_len - CMSG_LEN(0);
    if (control->cmsg_type == SCM_CREDENTIALS && bytes >= sizeof(ucred)) {
      ucred sender;
      std::memcpy(&sender, CMSG_DATA(control), sizeof(sender));
      received.pid = sender.pid;
    } else if (control->cmsg_type == SCM_RIGHTS) {
      for (size_t i = 0; i < bytes / sizeof(int); ++i) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(fd));
        received.files.emplace_back(fd);
      }
    }
  }
}

}  // namespace

absl::StatusOr<NotifySocket> NotifySocket::Open() {
  SharedFd fd(
      UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
  const int on = 1;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string name = RandomName();
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  // The option first: each message then has its sender.
  if (!fd.ok() ||
      setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
      bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) < 0) {
    return absl::ErrnoToStatus(errno, "the socket for notifications");
  }
  return NotifySocket(std::move(fd), absl::StrCat("@", name));
}

absl::StatusOr<NotifySocket> NotifySocket::Adopt(SharedFd socket) {
  sockaddr_un address = {};
  socklen_t length = sizeof(address);
  constexpr size_t kPrefix = offsetof(sockaddr_un, sun_path) + 1;
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address),
                  &length) < 0 ||
      length <= kPrefix) {
    return absl::InternalError("the socket for notifications has no name");
  }
  return NotifySocket(std::move(socket),
                      absl::StrCat("@", absl::string_view(address.sun_path + 1,
                                                          length - kPrefix)));
}

std::optional<NotifySocket::Message> NotifySocket::Receive(int flags) const {
  while (true) {
    char text[kMostText];
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred)) +
                                  CMSG_SPACE(kMostFiles * sizeof(int))];
    iovec buffer = {.iov_base = text, .iov_len = sizeof(text)};
    msghdr message = {};
    message.msg_iov = &buffer;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const ssize_t bytes =
        recvmsg(fd_.get(), &message, flags | MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return std::nullopt;
    Message received;
    TakeControl(message, received);
    received.lost_files = (message.msg_flags & MSG_CTRUNC) != 0;
    // Too long a message is none.
    if ((message.msg_flags & MSG_TRUNC) == 0) {
      received.text.assign(text, static_cast<size_t>(bytes));
    }
    return received;
  }
}

void NotifySocket::Consume() const {
  std::optional<Message> message = Receive(0);
  if (!message.has_value()) return;
  // Whoever has sent them decides how long closing the last copy takes.
  for (UniqueFd& file : message->files) CloseInBackground(std::move(file));
}

}  // namespace fdrpc::host
