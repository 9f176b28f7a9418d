#ifndef FDRPC_TESTS_SUPPORT_ON_CLOCK_H_
#define FDRPC_TESTS_SUPPORT_ON_CLOCK_H_

#include <memory>

#include "fdrpc/loop.h"
#include "fdrpc/server.h"
#include "loop/loop_core.h"
#include "server/server_core.h"
#include "tests/support/manual_clock.h"

namespace fdrpc {

// Creates servers and loops with a clock of the test, which a program cannot
// do.
class OnClock {
 public:
  // A loop in which it serves must use the same clock.
  static std::unique_ptr<Server> NewServer(ServerOptions options,
                                           const testing::ManualClock& clock) {
    if (!clock.runs()) options.max_busy_poll = absl::ZeroDuration();
    auto server = std::make_unique<Server>();
    server->core_ = std::make_shared<ServerCore>(options, clock);
    return server;
  }
  static Loop NewLoop(const testing::ManualClock& clock) {
    LoopOptions options;
    if (!clock.runs()) options.max_busy_poll = absl::ZeroDuration();
    return Loop(*LoopCore::Create(options.max_busy_poll, clock));
  }
};

}  // namespace fdrpc

#endif  // FDRPC_TESTS_SUPPORT_ON_CLOCK_H_
