#ifndef FDRPC_SERVICES_PROCESS_CHILD_SIDE_H_
#define FDRPC_SERVICES_PROCESS_CHILD_SIDE_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "services/process/process_spec.h"

namespace fdrpc::process {

// What a new process needs between fork and exec, where it can allocate
// nothing: another thread of its parent may have held the allocator's lock.
struct ChildPlan {
  // `spec` must outlive it.
  explicit ChildPlan(const ProcessSpec& spec);
  ChildPlan(const ChildPlan&) = delete;
  ChildPlan& operator=(const ChildPlan&) = delete;

  const ProcessSpec& spec;
  std::optional<std::string> search_path;  // none if `program` is a path
  std::vector<char*> arguments;            // with a null pointer at the end
  std::vector<char*> environment;
  std::vector<std::string> pid_variables;  // the last of them
  std::vector<int> numbers;                // of the mapped descriptors, sorted
  int first_free_number;   // above those, and above the standard streams
  std::vector<int> moved;  // room for a copy of each mapped descriptor
  int directory = -1;      // the working directory
  int gate = -1;
  std::vector<char*> pid_values;  // in `environment`, with room for any pid
  pid_t parent;                   // of the new process
  int failure_pipe = -1;          // takes a StartFailure; close-on-exec
};

// Becomes the program, or writes a StartFailure and exits. To be called in the
// new process, with all signals blocked. It makes system calls only, which are
// those of the kernel where the C library's look at threads.
[[noreturn]] void RunChild(ChildPlan& plan);

}  // namespace fdrpc::process

#endif  // FDRPC_SERVICES_PROCESS_CHILD_SIDE_H_
