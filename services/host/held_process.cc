#include "services/host/held_process.h"

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace fdrpc::host {

bool IsHeld(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string stat;
  std::getline(file, stat);
  // "PID (NAME) STATE …", where the name may be anything (proc(5)).
  const size_t name_end = stat.rfind(") ");
  if (name_end == std::string::npos) return true;
  const std::string state = stat.substr(name_end + 2, 1);
  return state == "T" || state == "t";
}

}  // namespace fdrpc::host
