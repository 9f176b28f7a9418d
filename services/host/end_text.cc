#include "services/host/end_text.h"

#include <csignal>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace fdrpc::host {
namespace {

std::string SignalName(int signal) {
  const char* const name = sigabbrev_np(signal);
  if (name == nullptr) return absl::StrCat("signal ", signal);
  return absl::StrCat("SIG", name);
}

}  // namespace

std::string EndText(const v1::Event::Ended& ended) {
  if (ended.signal() == 0) {
    return absl::StrCat("exited with status ", ended.exit_code());
  }
  return absl::StrCat("was killed by ", SignalName(ended.signal()),
                      ended.core_dumped() ? ", and dumped core" : "");
}

}  // namespace fdrpc::host
