#include "services/host/socket_watch.h"

#include "absl/time/time.h"
#include "services/host/listening_socket.h"

namespace fdrpc::host {
namespace {

// When no descriptor is left to accept a connection with.
constexpr absl::Duration kPause = absl::Milliseconds(100);

}  // namespace

void SocketWatch::Set(Mode mode, const std::vector<int>& sockets) {
  if (mode == mode_ && sockets == sockets_) return;
  Unwatch();
  mode_ = mode;
  sockets_ = sockets;
  if (mode_ == Mode::kOff) return;
  for (const int socket : sockets_) {
    // Without memory for that in the kernel its clients wait.
    (void)loop_.Watch(socket, [this, socket] { OnReady(socket); });
  }
}

void SocketWatch::Unwatch() {
  pause_.Cancel();
  for (const int socket : sockets_) loop_.Unwatch(socket);
}

void SocketWatch::OnReady(int socket) {
  if (mode_ == Mode::kAwaitClient) return on_client_();
  if (RefuseClients(socket)) return;
  Unwatch();
  pause_.Set(kPause, [this](bool rang) {
    if (rang) Set(std::exchange(mode_, Mode::kOff), std::vector(sockets_));
  });
}

}  // namespace fdrpc::host
