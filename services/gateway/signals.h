#ifndef FDRPC_SERVICES_GATEWAY_SIGNALS_H_
#define FDRPC_SERVICES_GATEWAY_SIGNALS_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "absl/status/statusor.h"

namespace fdrpc::gateway {

// SIGTERM, SIGINT and SIGHUP of this process, which a thread waits for, so that
// they have an effect while another one waits for a server. For one thread, and
// once in a process.
class Signals {
 public:
  // Blocks them in this thread and in those that it starts. RESOURCE_EXHAUSTED
  // if the system cannot start a thread.
  static absl::StatusOr<std::unique_ptr<Signals>> Take();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Before this, SIGTERM and SIGINT end the process, as they do by default;
  // from now on they only request the stop.
  void BeginServing();
  // Requested by SIGTERM or SIGINT.
  std::stop_token stop() const { return stop_.get_token(); }
  // Blocks until SIGHUP has come since the last time: true; or until the stop
  // has been requested: false.
  bool AwaitReload();

 private:
  Signals() = default;

  void Receive();

  std::stop_source stop_;
  std::mutex mu_;
  std::condition_variable changed_;
  bool serves_ = false;
  bool has_reload_ = false;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace fdrpc::gateway

#endif  // FDRPC_SERVICES_GATEWAY_SIGNALS_H_
