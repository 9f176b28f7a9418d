#ifndef FDRPC_TESTS_SERVER_CONNECTION_PARTS_H_
#define FDRPC_TESTS_SERVER_CONNECTION_PARTS_H_

#include <memory>
#include <utility>

#include "base/monotonic_time.h"
#include "fdrpc/server.h"
#include "loop/reactor.h"
#include "loop/waker.h"
#include "server/client_accounts.h"
#include "server/kept_messages_check.h"
#include "server/server_connection.h"
#include "server/server_counters.h"
#include "server/service_registry.h"
#include "tests/server/fake_executor.h"

namespace fdrpc::testing {

// What a server gives to its connections, for tests that make connections
// without a server. It outlives them.
struct ConnectionParts {
  explicit ConnectionParts(ServerOptions server_options = {})
      : options(std::move(server_options)) {}

  std::unique_ptr<ClientShare> Admit() { return *accounts->Admit(0); }
  ServerConnection::Shared shared() {
    return {.clock = Clock::Real(),
            .options = options,
            .registry = registry,
            .executor = executor,
            .reactor = *reactor,
            .counters = counters,
            .kept_messages = kept_messages,
            .waker = waker,
            .loop = loop};
  }

  ServerOptions options;
  const std::shared_ptr<ClientAccounts> accounts =
      std::make_shared<ClientAccounts>(ClientAccounts::LimitsFor({}, 1024));
  ServiceRegistry registry;
  FakeExecutor executor;
  Waker waker;  // wakes nobody
  const std::shared_ptr<Reactor> reactor =
      *Reactor::Create(absl::ZeroDuration(), Clock::Real());
  ServerCounters counters;
  KeptMessagesCheck kept_messages{Clock::Real(), waker};
  const std::shared_ptr<LoopCore> loop;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVER_CONNECTION_PARTS_H_
