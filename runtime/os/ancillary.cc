#include "os/ancillary.h"

#include <sys/socket.h>

#include <cstring>

#include "base/check.h"
#include "os/background_close.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

// Room for a full set of descriptors, and for the credentials that a peer can
// make the kernel deliver with them.
constexpr size_t kControlBytes =
    CMSG_SPACE(kMaxDescriptorsPerSend * sizeof(int)) +
    CMSG_SPACE(sizeof(ucred));

// Appends a control message.
void Append(msghdr& message, int type, const void* data, size_t bytes) {
  char* at = static_cast<char*>(message.msg_control) + message.msg_controllen;
  // Clear the padding, which goes to the kernel too.
  std::memset(at, 0, CMSG_SPACE(bytes));
  auto* header = reinterpret_cast<cmsghdr*>(at);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(bytes);
  std::memcpy(CMSG_DATA(header), data, bytes);
  message.msg_controllen += CMSG_SPACE(bytes);
}

// musl's CMSG_NXTHDR compares a size with a difference of pointers.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
cmsghdr* Next(msghdr& message, cmsghdr* control) {
  return CMSG_NXTHDR(&message, control);
}
#pragma GCC diagnostic pop

void TakeDescriptors(msghdr& message, ReceivedDescriptors& descriptors) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = Next(message, control)) {
    if (control->cmsg_level != SOL_SOCKET) continue;
    if (control->cmsg_type == SCM_CREDENTIALS) {
      ucred sender;
      std::memcpy(&sender, CMSG_DATA(control), sizeof(sender));
      descriptors.sender = {
          .uid = sender.uid, .gid = sender.gid, .pid = sender.pid};
    }
    if (control->cmsg_type != SCM_RIGHTS) continue;
    // The kernel pads the control message, not cmsg_len, so this is exact for
    // odd and even numbers of descriptors.
    const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
      descriptors.fds.emplace_back(fd);
      NoteReceived(fd);
    }
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0) descriptors.truncated = true;
}

}  // namespace

IoResult SendWithDescriptors(int socket, absl::Span<const iovec> pieces,
                             absl::Span<const int> descriptors,
                             const PeerCredentials* sender,
                             const SocketName* to) {
  FDRPC_CHECK(descriptors.size() <= kMaxDescriptorsPerSend,
              "more descriptors than one sendmsg takes");
  if (pieces.size() == 1 && descriptors.empty() && sender == nullptr &&
      to == nullptr) {
    // The same, with less for the kernel to read.
    const ssize_t sent = RetryOnEintr([&] {
      return Syscalls::Get().send(socket, pieces[0].iov_base, pieces[0].iov_len,
                                  MSG_DONTWAIT | MSG_NOSIGNAL);
    });
    if (sent < 0) return {.error = errno};
    return {.bytes = sent};
  }
  msghdr message = {};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  if (to != nullptr) {
    message.msg_name = const_cast<sockaddr_un*>(&to->address);
    message.msg_namelen = to->length;
  }
  alignas(cmsghdr) char control[kControlBytes];
  message.msg_control = control;
  if (!descriptors.empty()) {
    Append(message, SCM_RIGHTS, descriptors.data(),
           descriptors.size() * sizeof(int));
  }
  if (sender != nullptr) {
    const ucred credentials = {
        .pid = sender->pid, .uid = sender->uid, .gid = sender->gid};
    Append(message, SCM_CREDENTIALS, &credentials, sizeof(credentials));
  }
  if (message.msg_controllen == 0) message.msg_control = nullptr;
  const ssize_t sent = RetryOnEintr([&] {
    return Syscalls::Get().sendmsg(socket, &message,
                                   MSG_DONTWAIT | MSG_NOSIGNAL);
  });
  if (sent < 0) return {.error = errno};
  return {.bytes = sent};
}

bool IsOpen(int fd) { return Syscalls::Get().get_descriptor_flags(fd) >= 0; }

IoResult ReceiveWithDescriptors(int socket, absl::Span<const iovec> pieces,
                                ReceivedDescriptors& descriptors,
                                SocketName* from) {
  alignas(cmsghdr) char control[kControlBytes];
  msghdr message;
  const ssize_t received = RetryOnEintr([&] {
    message = {};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    if (from != nullptr) {
      message.msg_name = &from->address;
      message.msg_namelen = sizeof(from->address);
    }
    return Syscalls::Get().recvmsg(socket, &message,
                                   MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  });
  if (received < 0) return {.error = errno};
  TakeDescriptors(message, descriptors);
  if (from != nullptr) from->length = message.msg_namelen;
  return {.bytes = received, .cut_off = (message.msg_flags & MSG_TRUNC) != 0};
}

void RefuseDescriptors(int socket) {
  constexpr int kPassRights = 83;  // SO_PASSRIGHTS, missing in older headers
  const int off = 0;
  Syscalls::Get().setsockopt(socket, SOL_SOCKET, kPassRights, &off,
                             sizeof(off));
}

}  // namespace fdrpc
