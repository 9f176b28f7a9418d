#ifndef FDRPC_OS_PROCESS_EXIT_H_
#define FDRPC_OS_PROCESS_EXIT_H_

namespace fdrpc {

// Whether the process ends by exit(3) by now: true in the destructors of static
// objects that were made before the last WatchProcessExit().
bool ProcessExits();
// Costs an entry of atexit(3)'s.
void WatchProcessExit();

}  // namespace fdrpc

#endif  // FDRPC_OS_PROCESS_EXIT_H_
