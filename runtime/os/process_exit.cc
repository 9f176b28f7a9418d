#include "os/process_exit.h"

#include <atomic>
#include <cstdlib>

namespace fdrpc {
namespace {

constinit std::atomic<bool> exits{false};

}  // namespace

bool ProcessExits() { return exits.load(std::memory_order_acquire); }

void WatchProcessExit() {
  // exit(3) runs this before the destructors of objects that were made earlier.
  // If there is no memory for it, the exit is not noticed.
  (void)std::atexit([] { exits.store(true, std::memory_order_release); });
}

}  // namespace fdrpc
