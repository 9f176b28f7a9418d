#ifndef FDRPC_OS_DETACHED_THREAD_H_
#define FDRPC_OS_DETACHED_THREAD_H_

#include <csignal>
#include <functional>
#include <optional>

namespace fdrpc {

// Runs `body` on a thread of its own, for which nobody waits. It takes no
// signals, which are the program's, but those that its own mistakes raise:
// blocked, they end the process without its handler (signal(7)). Before it
// runs, the mask that its maker has, and would have passed on, is put into
// `makers_mask`. False if the system gives no thread.
bool StartDetachedThread(std::function<void()> body,
                         std::optional<sigset_t>* makers_mask = nullptr);

}  // namespace fdrpc

#endif  // FDRPC_OS_DETACHED_THREAD_H_
