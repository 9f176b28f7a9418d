#include "server/stop_signals.h"

#include <atomic>
#include <csignal>

#include "base/check.h"
#include "os/local_socket.h"
#include "server/server_core.h"

namespace fdrpc {
namespace {

// Of this process or, in a child, of its parent.
std::atomic<ServerCore*> stopped_by_signals{nullptr};
// The process of the server. Not by ForkGeneration(), which a child that gets
// the signal immediately has not updated yet.
std::atomic<pid_t> stopped_process{0};
struct sigaction former_term = {};
struct sigaction former_int = {};

void OnSignal(int signal) {
  // Uses only atomics and functions of signal-safety(7).
  ServerCore* const server = stopped_by_signals.load(std::memory_order_acquire);
  if (server == nullptr) return;
  if (OwnCredentials().pid == stopped_process.load()) {
    return server->RequestStop();
  }
  // In a child, to which the server does not belong: acts as if there were no
  // server. The signal is delivered again once this has returned.
  sigaction(signal, signal == SIGTERM ? &former_term : &former_int, nullptr);
  raise(signal);
}

// Handles `signal`, unless it is ignored, as by a shell for programs in the
// background, by nohup(1), or by the program itself.
void Handle(int signal, struct sigaction& former) {
  sigaction(signal, nullptr, &former);
  if ((former.sa_flags & SA_SIGINFO) == 0 && former.sa_handler == SIG_IGN) {
    return;
  }
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

}  // namespace

StopSignals::StopSignals(ServerCore& server) {
  ServerCore* expected = stopped_by_signals.load();
  // A child may have inherited the parent's.
  if (expected != nullptr && expected->inherited_by_fork()) {
    sigaction(SIGTERM, &former_term, nullptr);
    sigaction(SIGINT, &former_int, nullptr);
  } else {
    expected = nullptr;
  }
  FDRPC_CHECK(stopped_by_signals.compare_exchange_strong(expected, &server),
              "two servers of a process Run() at once; use Start() and Wait()");
  stopped_process.store(OwnCredentials().pid);
  Handle(SIGTERM, former_term);
  Handle(SIGINT, former_int);
}

StopSignals::~StopSignals() {
  sigaction(SIGTERM, &former_term, nullptr);
  sigaction(SIGINT, &former_int, nullptr);
  stopped_by_signals.store(nullptr, std::memory_order_release);
}

}  // namespace fdrpc
