#ifndef FDRPC_SERVICES_HOST_SOCKET_WATCH_H_
#define FDRPC_SERVICES_HOST_SOCKET_WATCH_H_

#include <functional>
#include <utility>
#include <vector>

#include "fdrpc/alarm.h"
#include "services/process/event_loop.h"

namespace fdrpc::host {

// Watches the listening sockets of a service while it has no process: for the
// first client, or to refuse all.
//
// Threads: the loop's.
class SocketWatch {
 public:
  enum class Mode { kOff, kAwaitClient, kRefuse };

  // Borrows the loop. `on_client` is called again and again while a client
  // waits.
  SocketWatch(process::EventLoop& loop, std::function<void()> on_client)
      : loop_(loop), on_client_(std::move(on_client)), pause_(loop.loop()) {}
  SocketWatch(const SocketWatch&) = delete;
  SocketWatch& operator=(const SocketWatch&) = delete;
  ~SocketWatch() { Set(Mode::kOff, {}); }

  // Borrows the sockets, until the next Set() without them.
  void Set(Mode mode, const std::vector<int>& sockets);

 private:
  void OnReady(int socket);
  void Unwatch();

  process::EventLoop& loop_;
  const std::function<void()> on_client_;
  Mode mode_ = Mode::kOff;
  std::vector<int> sockets_;
  Alarm pause_;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_SOCKET_WATCH_H_
