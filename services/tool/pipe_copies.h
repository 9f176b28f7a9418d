#ifndef FDRPC_SERVICES_TOOL_PIPE_COPIES_H_
#define FDRPC_SERVICES_TOOL_PIPE_COPIES_H_

#include <thread>
#include <vector>

#include "fdrpc/unique_fd.h"

namespace fdrpc::tool {

// Copies standard input to the pipes whose other end was sent, and what comes
// from such pipes to standard output, each on a thread. Errors end a copy.
class PipeCopies {
 public:
  // Waits: for the end of standard input, or until nobody reads that pipe any
  // more; and until nobody writes to the others.
  ~PipeCopies();

  void Feed(UniqueFd pipe);
  void Output(UniqueFd pipe);

 private:
  std::vector<std::thread> threads_;
};

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_PIPE_COPIES_H_
