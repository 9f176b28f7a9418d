// fdrpc-gateway: passes calls on between gRPC and fdrpc.
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "fdrpc/loop.h"
#include "fdrpc/server.h"
#include "services/gateway/direction.h"
#include "services/gateway/settings.h"
#include "services/gateway/signals.h"
#include "services/program/serve.h"
#include "services/program/server_main.h"

namespace fdrpc::gateway {
namespace {

// Learns the services again at each SIGHUP, until another signal.
void ReloadUntilStopped(Direction& direction, Signals& signals) {
  while (signals.AwaitReload()) {
    const absl::Status learnt = direction.Reload(signals.stop());
    if (learnt.ok() || signals.stop().stop_requested()) continue;
    std::cerr << absl::StrCat(
        "fdrpc-gateway: cannot learn the services again: ", learnt.message(),
        "\n");
  }
}

// In the loop that passes waiting messages on, so that the watchdog tells of
// that one.
absl::Status StartIn(absl::StatusOr<Loop> loop, Server& notifier) {
  if (!loop.ok()) return loop.status();
  absl::Status opened = notifier.AwaitConnections();
  return opened.ok() ? notifier.Start(*std::move(loop)) : opened;
}

absl::Status Serve(Settings settings) {
  program::HoldStopSignals();
  const absl::StatusOr<std::unique_ptr<Signals>> signals = Signals::Take();
  if (!signals.ok()) return signals.status();
  const std::unique_ptr<Direction> direction =
      settings.to_is_local ? FromGrpc(settings) : ToGrpc(settings);
  absl::Status status = direction->Learn();
  if (!status.ok()) return status;
  (*signals)->BeginServing();
  status = direction->Start();
  if (!status.ok()) return status;
  // A server without a socket or service, which is for the service manager: the
  // one that serves may be gRPC's, or another one after SIGHUP.
  Server notifier({.notify_service_manager = true});
  status = StartIn(Loop::OfProcess(), notifier);
  if (!status.ok()) return status;
  ReloadUntilStopped(*direction, **signals);
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
