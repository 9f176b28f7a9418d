#include "server/stop_signals.h"

#include <atomic>
#include <utility>

#include "base/check.h"
#include "server/server_core.h"

namespace fdrpc {
namespace {

std::atomic<ServerCore*> stopped_by_signals{nullptr};

void OnSignal(int) {
  // Only an atomic and write(2): signal-safety(7).
  if (ServerCore* server = stopped_by_signals.load(std::memory_order_acquire)) {
    server->RequestStop();
  }
}

}  // namespace

StopSignals::StopSignals(ServerCore& server) {
  ServerCore* none = nullptr;
  FDRPC_CHECK(stopped_by_signals.compare_exchange_strong(none, &server),
              "two servers of a process Run() at once; use Start() and Wait()");
  Handle(SIGTERM, former_term_);
  Handle(SIGINT, former_int_);
}

void StopSignals::Handle(int signal, struct sigaction& former) {
  sigaction(signal, nullptr, &former);
  // As nohup(1), and a shell for what it runs in the background, want it.
  if (former.sa_handler == SIG_IGN) return;
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

StopSignals::~StopSignals() {
  for (const auto& [signal, former] :
       {std::pair(SIGTERM, &former_term_), std::pair(SIGINT, &former_int_)}) {
    if (former->sa_handler != SIG_IGN) sigaction(signal, former, nullptr);
  }
  stopped_by_signals.store(nullptr, std::memory_order_release);
}

}  // namespace fdrpc
