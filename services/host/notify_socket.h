#ifndef FDRPC_SERVICES_HOST_NOTIFY_SOCKET_H_
#define FDRPC_SERVICES_HOST_NOTIFY_SOCKET_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "fdrpc/shared_fd.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::host {

// The manager's side of sd_notify(3), for the processes of all services: a
// datagram socket with an abstract name, where the kernel tells who has sent
// each message.
class NotifySocket {
 public:
  struct Message {
    pid_t pid = 0;
    std::string text;
    std::vector<UniqueFd> files;
    // There were more files, which this process could not take: mostly because
    // it has no free descriptor.
    bool lost_files = false;
  };

  static absl::StatusOr<NotifySocket> Open();
  // One that another host has opened.
  static absl::StatusOr<NotifySocket> Adopt(SharedFd socket);

  const SharedFd& fd() const { return fd_; }
  // For NOTIFY_SOCKET.
  const std::string& address() const { return address_; }

  // The next message, which stays the next one until Consume(): so a host that
  // is killed meanwhile loses none. Empty if there is none.
  std::optional<Message> Peek() const { return Receive(MSG_PEEK); }
  void Consume() const;

 private:
  std::optional<Message> Receive(int flags) const;

  NotifySocket(SharedFd fd, std::string address)
      : fd_(std::move(fd)), address_(std::move(address)) {}

  SharedFd fd_;
  std::string address_;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_NOTIFY_SOCKET_H_
