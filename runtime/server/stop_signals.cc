#include "server/stop_signals.h"

#include <atomic>

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
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, &former_term_);
  sigaction(SIGINT, &action, &former_int_);
}

StopSignals::~StopSignals() {
  sigaction(SIGTERM, &former_term_, nullptr);
  sigaction(SIGINT, &former_int_, nullptr);
  stopped_by_signals.store(nullptr, std::memory_order_release);
}

}  // namespace fdrpc
