#ifndef FDRPC_OS_DETACHED_THREAD_H_
#define FDRPC_OS_DETACHED_THREAD_H_

#include <csignal>
#include <functional>
#include <optional>

namespace fdrpc {

// Runs `body` on a new thread that nobody waits for. The thread blocks all
// signals except those that its own faults raise (if they were blocked, they
// would end the process without running its handlers: signal(7)). Before `body`
// runs, the signal mask of the calling thread, which the new thread would have
// inherited, is stored in `makers_mask`. False if the system cannot start a
// thread.
bool StartDetachedThread(std::function<void()> body,
                         std::optional<sigset_t>* makers_mask = nullptr);

}  // namespace fdrpc

#endif  // FDRPC_OS_DETACHED_THREAD_H_
