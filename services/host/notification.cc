#include "services/host/notification.h"

#include <algorithm>

namespace fdrpc::host {
namespace {

// As sd_pid_notify_with_fds(3) has it.
bool IsDescriptorName(std::string_view name) {
  constexpr size_t kMostBytes = 255;
  return !name.empty() && name.size() <= kMostBytes &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return c > ' ' && c < 0x7f && c != ':'; });
}

}  // namespace

Notification ParseNotification(std::string_view text) {
  Notification said;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, equals);
    const std::string_view value = line.substr(equals + 1);
    if (name == "READY") said.is_ready |= value == "1";
    if (name == "STOPPING") said.is_stopping |= value == "1";
    if (name == "WATCHDOG") said.is_alive |= value == "1";
    if (name == "WATCHDOG") said.hangs |= value == "trigger";
    if (name == "STATUS") said.status = std::string(value);
    if (name == "FDSTORE") said.stores |= value == "1";
    if (name == "FDSTOREREMOVE") said.removes |= value == "1";
    if (name == "FDNAME" && IsDescriptorName(value)) said.name = value;
  }
  return said;
}

}  // namespace fdrpc::host
