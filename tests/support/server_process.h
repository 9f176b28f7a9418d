#ifndef FDRPC_TESTS_SUPPORT_SERVER_PROCESS_H_
#define FDRPC_TESTS_SUPPORT_SERVER_PROCESS_H_

#include <signal.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <utility>

#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/files.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

// A child process that serves the test service until it is told to stop. Make
// it before this process has threads. `prepare` runs in the child, and replaces
// handlers.
class ServerProcess {
 public:
  explicit ServerProcess(
      const std::string& address,
      const std::function<void(FakeService&)>& prepare = [](FakeService&) {}) {
    auto [ready, is_ready] = Pipe();
    pid_ = Fork();
    if (pid_ == 0) {
      FakeService service;
      prepare(service);
      Server server;
      server.AddService(service);
      if (!server.Listen(address).ok()) _exit(1);
      (void)!write(is_ready.get(), "x", 1);
      is_ready.Reset();
      server.Run();
      _exit(0);
    }
    is_ready.Reset();
    EXPECT_EQ(ReadRest(ready.get()).substr(0, 1), "x");
  }
  ~ServerProcess() {
    if (pid_ > 0) {
      Stop(SIGTERM);
    }
  }

  pid_t pid() const { return pid_; }
  // Returns its exit code, or minus the signal that ended it.
  int Stop(int signal) {
    kill(pid_, signal);
    return ExitCode(std::exchange(pid_, -1));
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_SERVER_PROCESS_H_
