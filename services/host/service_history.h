#ifndef FDRPC_SERVICES_HOST_SERVICE_HISTORY_H_
#define FDRPC_SERVICES_HOST_SERVICE_HISTORY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "fdrpc/host/v1/keeper.pb.h"
#include "fdrpc/host/v1/record.pb.h"
#include "services/host/service_machine.h"

namespace fdrpc::host {

// What has become of the processes of one service, in words: for its status,
// and for those who wait until it has started.
class ServiceHistory {
 public:
  // What another host has left.
  void Restore(const v1::ServiceRecord& record);
  void SaveTo(v1::ServiceRecord& record) const;

  // How many processes there were.
  uint64_t starts() const { return starts_; }
  // Of the last one that has ended, or why there was none; empty before that.
  const std::string& last_end() const { return last_end_; }

  // A process was forked, or why not.
  void OnFork(const absl::Status& status);
  // The process does not run its program. OnEnd() follows.
  void OnNotStarted(absl::Status why) { start_error_ = std::move(why); }
  // `process` is what the machine knew of it, null if nothing; `is_last`: no
  // other one is left.
  void OnEnd(const v1::Event::Ended& ended,
             const ServiceMachine::Process* process, bool is_last,
             absl::Duration start_timeout);

  // Why the last attempt to start a process has failed, once.
  absl::Status TakeStartError();

 private:
  uint64_t starts_ = 0;
  std::string last_end_;
  absl::Status start_error_;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_SERVICE_HISTORY_H_
