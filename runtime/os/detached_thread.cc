#include "os/detached_thread.h"

#include <system_error>
#include <thread>
#include <utility>

namespace fdrpc {

bool StartDetachedThread(std::function<void()> body,
                         std::optional<sigset_t>* makers_mask) {
  sigset_t blocked;
  sigset_t former;
  sigfillset(&blocked);
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) {
    sigdelset(&blocked, signal);
  }
  // A new thread inherits the mask of the thread that starts it.
  pthread_sigmask(SIG_SETMASK, &blocked, &former);
  if (makers_mask != nullptr) *makers_mask = former;
  bool started = true;
  // An exception is the standard library's only way to report that it cannot
  // start a thread.
  try {
    std::thread(std::move(body)).detach();
  } catch (const std::system_error&) {
    started = false;
  }
  pthread_sigmask(SIG_SETMASK, &former, nullptr);
  return started;
}

}  // namespace fdrpc
