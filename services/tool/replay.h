#ifndef FDRPC_SERVICES_TOOL_REPLAY_H_
#define FDRPC_SERVICES_TOOL_REPLAY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/channel.h"
#include "services/tool/message_types.h"
#include "services/tool/replayed_call.h"

namespace fdrpc::tool {

// Makes recorded calls again, over a connection for each that is recorded, and
// compares what the server answers. Everything has the recorded order: a
// request is sent when everything has arrived that had arrived before it.
class Replay {
 public:
  struct Settings {
    std::function<absl::StatusOr<Channel>()> connect;
    // How long a call without a recorded deadline may take, and how much longer
    // than recorded another one, or one with `timing`.
    absl::Duration timeout;
    bool wait_for_ready = false;
    // Whether requests are sent at the recorded times, too.
    bool timing = false;
    // The descriptor to send for each that is recorded, as for
    // OpenDescriptor(); empty: calls with such requests are skipped.
    std::string fd;
  };
  struct Result {
    int same = 0;
    int different = 0;
    int skipped = 0;
  };

  // Borrows its arguments. `out` gets a line for each difference, and each call
  // that is skipped.
  Replay(MessageTypes& types, const Settings& settings, std::ostream& out)
      : types_(types), settings_(settings), out_(out) {}

  // Blocks until all calls have ended. The status of the first call, if it is
  // UNAVAILABLE and was not: then there is no such server. DATA_LOSS, before
  // any call, if the recorded times are to be kept and cannot be.
  absl::StatusOr<Result> Run(const std::vector<capture::Event>& events);

 private:
  using Id = std::pair<uint32_t, uint32_t>;  // connection and call

  absl::Status CheckTimes(const std::vector<capture::Event>& events) const;
  // Why the call cannot be made again; empty if it can.
  std::string ReasonToSkip(const capture::Event& open) const;
  absl::Status Begin(const capture::Event& open);
  absl::StatusOr<std::shared_ptr<Caller>> CallerFor(uint32_t connection);
  void WaitUntilDue(const capture::Event& event) const;
  absl::Status End(std::map<Id, ReplayedCall>::iterator call);

  MessageTypes& types_;
  const Settings& settings_;
  std::ostream& out_;
  Result result_;
  // By what is recorded of them.
  std::set<Id> with_descriptors_;
  std::set<uint32_t> of_server_;  // connections for calls back
  std::map<Id, uint64_t> durations_ns_;
  uint64_t recorded_start_ns_ = 0;
  absl::Time start_;

  bool is_first_ = true;
  std::map<uint32_t, std::shared_ptr<Caller>> callers_;
  std::map<Id, ReplayedCall> calls_;
  std::map<Id, std::string> names_;  // of calls_, for people
};

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_REPLAY_H_
