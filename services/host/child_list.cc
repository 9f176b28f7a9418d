#include "services/host/child_list.h"

#include <filesystem>
#include <fstream>
#include <system_error>

namespace fdrpc::host {

std::vector<pid_t> ChildrenOfThisProcess() {
  std::vector<pid_t> children;
  std::error_code error;
  std::filesystem::directory_iterator threads("/proc/self/task", error);
  for (; !error && threads != std::filesystem::directory_iterator();
       threads.increment(error)) {
    std::ifstream list(threads->path() / "children");
    for (pid_t child; list >> child;) children.push_back(child);
  }
  return children;
}

}  // namespace fdrpc::host
