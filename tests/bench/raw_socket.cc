#include "tests/bench/raw_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <thread>

#include "tests/bench/system.h"

namespace fdrpc::bench {
namespace {

sockaddr_un Address(std::string_view path) {
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  Check(path.size() < sizeof(address.sun_path), "the path is too long");
  path.copy(address.sun_path, path.size());
  return address;
}

}  // namespace

int ConnectTo(std::string_view path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = Address(path);
  Check(connect(fd, reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) == 0,
        "connect(2) failed");
  return fd;
}

void ServeEach(std::string_view path,
               const std::function<void(int socket)>& serve) {
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = Address(path);
  Check(bind(listener, reinterpret_cast<const sockaddr*>(&address),
             sizeof(address)) == 0 &&
            listen(listener, 4096) == 0,
        "cannot listen");
  Ready();
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    Check(fd >= 0, "accept(2) failed");
    std::thread([fd, serve] { serve(fd); }).detach();
  }
}

}  // namespace fdrpc::bench
