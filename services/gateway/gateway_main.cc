// fdrpc-gateway: passes calls on between gRPC and fdrpc.
#include <pthread.h>
#include <signal.h>

#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "fdrpc/server.h"
#include "services/gateway/direction.h"
#include "services/gateway/settings.h"
#include "services/program/serve.h"
#include "services/program/server_main.h"

namespace fdrpc::gateway {
namespace {

sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    sigaddset(&signals, signal);
  }
  return signals;
}

// Learns the services again at each SIGHUP, until another signal.
void AwaitStopSignal(Direction& direction) {
  const sigset_t signals = Signals();
  int received = 0;
  while (sigwait(&signals, &received) == 0 && received == SIGHUP) {
    const absl::Status learnt = direction.Reload();
    if (learnt.ok()) continue;
    std::cerr << absl::StrCat(
        "fdrpc-gateway: cannot learn the services again: ", learnt.message(),
        "\n");
  }
}

absl::Status Serve(Settings settings) {
  program::HoldStopSignals();
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const std::unique_ptr<Direction> direction =
      settings.to_is_local ? FromGrpc(settings) : ToGrpc(settings);
  absl::Status status = direction->Start();
  if (!status.ok()) return status;
  // A server without a socket or service, which is for the service manager: the
  // one that serves may be gRPC's, or another one after SIGHUP.
  Server notifier({.notify_service_manager = true});
  status = notifier.AwaitConnections();
  if (status.ok()) status = notifier.Start();
  if (!status.ok()) return status;
  AwaitStopSignal(*direction);
  notifier.Shutdown();
  return direction->Stop();
}

}  // namespace
}  // namespace fdrpc::gateway

int main(int argc, char** argv) {
  return fdrpc::program::ServerMain("fdrpc-gateway", fdrpc::gateway::kUsage,
                                    fdrpc::gateway::ParseSettings,
                                    fdrpc::gateway::Serve, argc, argv);
}
