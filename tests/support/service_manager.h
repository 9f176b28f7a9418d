#ifndef FDRPC_TESTS_SUPPORT_SERVICE_MANAGER_H_
#define FDRPC_TESTS_SUPPORT_SERVICE_MANAGER_H_

#include <string>
#include <vector>

#include "fdrpc/unique_fd.h"

namespace fdrpc::testing {

// What a service manager does for the processes that it starts.

// For a child: passes it `sockets`, by the protocol of sd_listen_fds(3), with
// their names joined by colons. Closes all other descriptors except the
// standard ones.
void PassSockets(const std::vector<int>& sockets, const std::string& names);

// A socket of a type (SOCK_STREAM, …) that is bound to `path` and, unless it is
// a datagram socket, listens: as a service manager makes it.
UniqueFd BoundSocket(int type, const std::string& path);

// The manager's side of sd_notify(3).
class NotifyListener {
 public:
  // The value of NOTIFY_SOCKET: a path, or "@" and an abstract name.
  explicit NotifyListener(const std::string& address);
  NotifyListener(const NotifyListener&) = delete;
  NotifyListener& operator=(const NotifyListener&) = delete;

  int fd() const { return socket_.get(); }
  // The next datagram; blocks until it arrives.
  std::string Read() const;
  // The next datagram that is not "WATCHDOG=1".
  std::string ReadState() const;

 private:
  UniqueFd socket_;
};

// During its lifetime, an environment variable has a value. Make and destroy it
// while no other thread reads the environment.
class ScopedVariable {
 public:
  ScopedVariable(const std::string& name, const std::string& value);
  ~ScopedVariable();
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const std::string name_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_SERVICE_MANAGER_H_
