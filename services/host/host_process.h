#ifndef FDRPC_SERVICES_HOST_HOST_PROCESS_H_
#define FDRPC_SERVICES_HOST_HOST_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "fdrpc/server.h"
#include "services/host/host_service.h"
#include "services/host/host_settings.h"
#include "services/host/hosted_services.h"
#include "services/host/keeper_link.h"
#include "services/host/notify_reader.h"
#include "services/host/notify_socket.h"
#include "services/process/event_loop.h"

namespace fdrpc::host {

// The process that hosts services, until its keeper tells it to end: a child of
// the keeper. It goes on where the one before it was when it ended.
class HostProcess {
 public:
  // Borrows the loop.
  HostProcess(process::EventLoop& loop, HostSettings settings);
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;

  absl::Status Run();

 private:
  absl::Status Prepare();
  absl::Status OpenNotifySocket(const std::vector<KeptEntry>& entries);
  absl::Status Serve(const std::vector<KeptEntry>& entries);
  void OnMessage(NotifySocket::Message message);
  void ListenFor(pid_t pid);
  void OnEvent(const v1::Event& event);
  void OnCommand(const v1::Event& event);
  // `command`: its number.
  void Reload(uint64_t command);
  void Upgrade();
  void EndAll();
  void OnKeeperLost();
  void End(absl::Status status);

  process::EventLoop& loop_;
  const HostSettings settings_;
  std::unique_ptr<KeeperLink> keeper_;
  std::optional<NotifySocket> notify_;
  SharedFd control_;
  ServiceSupervisor::Context context_;
  std::optional<HostedServices> services_;
  std::optional<NotifyReader> reader_;
  std::optional<HostService> service_;
  Server server_;
  bool is_stopping_ = false;
  bool has_reported_reload_ = false;  // that has just ended
  absl::Status result_;
};

// fdrpc-host serve: what the keeper starts.
absl::Status RunHostProcess(HostSettings settings);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_HOST_PROCESS_H_
