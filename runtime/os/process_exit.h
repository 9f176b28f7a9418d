#ifndef FDRPC_OS_PROCESS_EXIT_H_
#define FDRPC_OS_PROCESS_EXIT_H_

namespace fdrpc {

// Whether the process is ending by exit(3): true in the destructors of static
// objects that were made before the last WatchProcessExit().
bool ProcessExits();
// Uses one entry of atexit(3).
void WatchProcessExit();

}  // namespace fdrpc

#endif  // FDRPC_OS_PROCESS_EXIT_H_
