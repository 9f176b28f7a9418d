#include "tests/services/host/process_list.h"

#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"

namespace fdrpc::testing {

std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/task/", pid, "/children"));
  std::vector<pid_t> children;
  for (pid_t child; file >> child;) children.push_back(child);
  return children;
}

int ZombiesOf(pid_t pid) {
  int zombies = 0;
  for (const pid_t child : ChildrenOf(pid)) {
    std::ifstream stat(absl::StrCat("/proc/", child, "/stat"));
    const std::string text{std::istreambuf_iterator<char>(stat),
                           std::istreambuf_iterator<char>()};
    if (text.find(") Z ") != std::string::npos) ++zombies;
  }
  return zombies;
}

}  // namespace fdrpc::testing
