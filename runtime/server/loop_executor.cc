#include "server/loop_executor.h"

#include "base/check.h"

namespace fdrpc {

bool LoopExecutor::Park(Parker& parker, MonotonicTime deadline) {
  FDRPC_CHECK(!loop_->OnThisThread(),
              "a handler would block in Read() or Write() on the thread of the "
              "loop that it waits for: streams of a server in a loop need "
              "AsyncService or CoService");
  return parker.Park(deadline);
}

void LoopExecutor::Run() {
  // The waiter may release the server before this returns.
  const std::shared_ptr<LoopExecutor> self = shared_from_this();
  ended_.store(true);
  loop_->TellWaiting();
}

void LoopExecutor::AwaitEnd() {
  FDRPC_CHECK(
      !RunsThisThread(),
      "a server is waited for, or destroyed, in a callback of its loop");
  loop_->RunUntil(ended_);
}

}  // namespace fdrpc
