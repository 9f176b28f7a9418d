#ifndef FDRPC_SERVICES_HOST_STATUS_STREAM_H_
#define FDRPC_SERVICES_HOST_STATUS_STREAM_H_

#include <deque>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/host/v1/host.fdrpc.h"

namespace fdrpc::host {

// One call of Watch. A client that reads slowly gets the last status of each
// service, and misses those between: so it makes the host hold no more than
// that.
//
// Threads: the loop's.
class StatusStream : public std::enable_shared_from_this<StatusStream> {
 public:
  explicit StatusStream(v1::Host::WatchCall call) : call_(std::move(call)) {}

  void Send(const v1::ServiceStatus& status);
  // Nothing may follow.
  void Finish(absl::Status status) { call_.Finish(std::move(status)); }

 private:
  void WriteNext();

  v1::Host::WatchCall call_;
  std::deque<v1::ServiceStatus> waiting_;  // one for each service
  bool is_writing_ = false;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_STATUS_STREAM_H_
