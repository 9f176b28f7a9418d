#ifndef FDRPC_SERVICES_HOST_IDLE_WATCH_H_
#define FDRPC_SERVICES_HOST_IDLE_WATCH_H_

#include <functional>
#include <set>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "fdrpc/alarm.h"
#include "fdrpc/loop.h"

namespace fdrpc::host {

// Looks from time to time whether clients are connected to a service, and says
// when none has been for its idle time.
//
// Threads: the loop's.
class IdleWatch {
 public:
  IdleWatch(const Loop& loop, std::function<void()> on_idle)
      : on_idle_(std::move(on_idle)), alarm_(loop) {}

  // From now on; `names` are those of the service's sockets.
  void Start(absl::Duration idle_timeout, std::set<std::string> names);
  void Stop();
  bool is_on() const { return idle_timeout_ != absl::InfiniteDuration(); }

 private:
  void Continue();
  void Check();

  const std::function<void()> on_idle_;
  Alarm alarm_;
  absl::Duration idle_timeout_ = absl::InfiniteDuration();
  std::set<std::string> names_;
  absl::Duration quiet_;  // for so long no client was seen
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_IDLE_WATCH_H_
