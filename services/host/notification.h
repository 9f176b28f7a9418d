#ifndef FDRPC_SERVICES_HOST_NOTIFICATION_H_
#define FDRPC_SERVICES_HOST_NOTIFICATION_H_

#include <optional>
#include <string>
#include <string_view>

namespace fdrpc::host {

// What a process says by sd_notify(3), as far as the host listens.
struct Notification {
  bool is_ready = false;
  bool is_stopping = false;
  bool is_alive = false;  // for the watchdog
  bool hangs = false;     // the watchdog is to treat it so
  std::optional<std::string> status;
  bool stores = false;   // the descriptors of the message
  bool removes = false;  // those that are stored under `name`
  std::string name = "stored";
};

// Unknown assignments are ignored, and an invalid FDNAME.
Notification ParseNotification(std::string_view text);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_NOTIFICATION_H_
