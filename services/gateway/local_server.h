#ifndef FDRPC_SERVICES_GATEWAY_LOCAL_SERVER_H_
#define FDRPC_SERVICES_GATEWAY_LOCAL_SERVER_H_

#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "fdrpc/caller.h"
#include "fdrpc/server.h"
#include "services/gateway/known_services.h"
#include "services/gateway/settings.h"

namespace fdrpc::gateway {

// Serves the services that are known at one time. Ends the process with SIGTERM
// if it ends by itself.
class LocalServer {
 public:
  LocalServer(KnownServices known, const std::shared_ptr<Caller>& target,
              const Settings& settings);
  ~LocalServer();
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

  // Before Stop().
  Server& server() { return served_->server; }

  // RESOURCE_EXHAUSTED if the system cannot start a thread: it serves nothing
  // then.
  absl::Status Start();
  // Drains it, which takes a while; then releases all that it had.
  void Stop();
  bool ended() const { return ended_.HasBeenNotified(); }

 private:
  // In this order: the server uses the services.
  struct Served {
    Served(KnownServices services, const Settings& settings)
        : known(std::move(services)),
          server({.drain_timeout = settings.drain_timeout}) {}

    const KnownServices known;
    Server server;
  };

  void AwaitEnd();

  std::mutex mu_;  // of Stop(), which may find that it has ended
  bool is_stopped_ = false;
  std::unique_ptr<Served> served_;
  bool has_started_ = false;
  absl::Notification started_;  // or could not
  absl::Notification ended_;
  std::thread end_;
};

}  // namespace fdrpc::gateway

#endif  // FDRPC_SERVICES_GATEWAY_LOCAL_SERVER_H_
