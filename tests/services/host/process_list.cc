#include "tests/services/host/process_list.h"

#include <fstream>

#include "absl/strings/str_cat.h"

namespace fdrpc::testing {

std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/task/", pid, "/children"));
  std::vector<pid_t> children;
  for (pid_t child; file >> child;) children.push_back(child);
  return children;
}

}  // namespace fdrpc::testing
