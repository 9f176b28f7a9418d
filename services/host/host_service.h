#ifndef FDRPC_SERVICES_HOST_HOST_SERVICE_H_
#define FDRPC_SERVICES_HOST_HOST_SERVICE_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/host/v1/host.fdrpc.h"
#include "fdrpc/peer_credentials.h"
#include "services/host/hosted_services.h"
#include "services/host/status_stream.h"

namespace fdrpc::host {

// Serves fdrpc.host.v1.Host, in the host's loop.
class HostService final : public v1::Host::AsyncService {
 public:
  // Borrows the services. `upgrade` begins the end of this process.
  HostService(HostedServices& services, std::function<void()> upgrade);

  void List(v1::Host::ListCall call) override;
  void GetStatus(v1::Host::GetStatusCall call) override;
  void Start(v1::Host::StartCall call) override;
  void Stop(v1::Host::StopCall call) override;
  void Restart(v1::Host::RestartCall call) override;
  void Reload(v1::Host::ReloadCall call) override;
  void Upgrade(v1::Host::UpgradeCall call) override;
  void Logs(v1::Host::LogsCall call) override;
  void Watch(v1::Host::WatchCall call) override;

  // To be called when the status of a service has changed.
  void Tell(const v1::ServiceStatus& status);
  // From now on nothing is started or changed: all ends.
  void BeginToStop() { is_stopping_ = true; }

 private:
  // The reasons for which a stream ends from outside.
  struct Ending;

  absl::Status MayCall(const PeerCredentials& caller) const;
  // Null after it has ended the call.
  template <typename Call>
  ServiceSupervisor* FindFor(Call& call);
  void EndWatch(uint64_t id, absl::Status status);
  // Ends the call with the service's status, or with an error.
  template <typename Call>
  ServiceSupervisor::Done Replying(Call call);

  HostedServices& services_;
  const std::function<void()> upgrade_;
  const uid_t own_;
  bool is_stopping_ = false;
  std::map<uint64_t, std::shared_ptr<StatusStream>> watches_;
  uint64_t last_watch_ = 0;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_HOST_SERVICE_H_
