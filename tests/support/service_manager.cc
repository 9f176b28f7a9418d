#include "tests/support/service_manager.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "gtest/gtest.h"
#include "os/unix_address.h"

namespace fdrpc::testing {
namespace {

UniqueFd Bound(int type, const std::string& address) {
  UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  const UnixAddress parsed = *UnixAddress::Parse("unix:" + address);
  EXPECT_EQ(bind(fd.get(), parsed.socket_address(), parsed.length()), 0)
      << address;
  return fd;
}

}  // namespace

void PassSockets(const std::vector<int>& sockets, const std::string& names) {
  constexpr int kFirst = 3;
  // First move them away from the target numbers, and from each other.
  std::vector<int> moved;
  for (int socket : sockets) {
    moved.push_back(fcntl(socket, F_DUPFD_CLOEXEC, 100));
  }
  for (size_t i = 0; i < moved.size(); ++i) {
    dup2(moved[i], kFirst + static_cast<int>(i));
  }
  close_range(kFirst + static_cast<unsigned>(sockets.size()), ~0u, 0);
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  setenv("LISTEN_FDS", std::to_string(sockets.size()).c_str(), 1);
  setenv("LISTEN_FDNAMES", names.c_str(), 1);
}

UniqueFd BoundSocket(int type, const std::string& path) {
  UniqueFd fd = Bound(type, path);
  if (type != SOCK_DGRAM) {
    EXPECT_EQ(listen(fd.get(), 16), 0);
  }
  return fd;
}

NotifyListener::NotifyListener(const std::string& address)
    : socket_(Bound(SOCK_DGRAM, address)) {}

std::string NotifyListener::Read() const {
  char state[256];
  const ssize_t got = recv(socket_.get(), state, sizeof(state), 0);
  return got < 0 ? "recv failed" : std::string(state, got);
}

std::string NotifyListener::ReadState() const {
  std::string state;
  do {
    state = Read();
  } while (state == "WATCHDOG=1");
  return state;
}

ScopedVariable::ScopedVariable(const std::string& name,
                               const std::string& value)
    : name_(name) {
  setenv(name.c_str(), value.c_str(), 1);
}

ScopedVariable::~ScopedVariable() { unsetenv(name_.c_str()); }

}  // namespace fdrpc::testing
