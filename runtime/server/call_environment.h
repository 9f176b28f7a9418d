#ifndef FDRPC_SERVER_CALL_ENVIRONMENT_H_
#define FDRPC_SERVER_CALL_ENVIRONMENT_H_

#include "base/monotonic_time.h"
#include "loop/reactor.h"
#include "server/client_offer.h"
#include "server/connected_peer.h"
#include "server/connection_account.h"
#include "server/executor.h"
#include "server/handler_stop.h"
#include "server/server_counters.h"

namespace fdrpc {

// What all calls of one connection use: parts of the connection and of its
// server, which the calls keep alive.
struct CallEnvironment {
  const Clock& clock;
  Executor& executor;
  Reactor& reactor;
  ServerCounters& counters;
  ConnectionAccount& account;
  const ConnectedPeer& peer;
  HandlerStop& draining;
  const ClientOffer::Slot* offer = nullptr;  // null without a connection
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_ENVIRONMENT_H_
