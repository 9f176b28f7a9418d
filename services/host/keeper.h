#ifndef FDRPC_SERVICES_HOST_KEEPER_H_
#define FDRPC_SERVICES_HOST_KEEPER_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "fdrpc/alarm.h"
#include "fdrpc/server.h"
#include "services/host/hang_detector.h"
#include "services/host/kept_state.h"
#include "services/process/child_process.h"
#include "services/process/event_loop.h"

namespace fdrpc::host {

// The main process of fdrpc-host. Runs the host as a child process, replaces it
// when it ends, and keeps what the next one needs. It is the parent of all
// services' processes and, as a subreaper or as process 1, of their orphans,
// and reaps them all. Knows nothing of services.
//
// Threads: the loop's.
class Keeper {
 public:
  struct Options {
    // Of the host, after the program's name. "--keeper fd:N" follows.
    std::vector<std::string> arguments;
    rlimit open_files = {};  // of the host
    // A host that does not answer for so long is killed, and replaced; before
    // it serves, one that does not serve for ten times as long.
    absl::Duration hang_timeout = absl::InfiniteDuration();
    std::function<void()> on_first_serving;
  };

  // Borrows the loop.
  Keeper(process::EventLoop& loop, Options options);
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Runs until a host has ended all services, after SIGTERM or SIGINT. One that
  // comes a second later or more kills the processes that are still there.
  // FAILED_PRECONDITION if the first host does not come to serve: it has said
  // why on standard error, or was asked to stop. INTERNAL if the host process
  // does not end the services when it should: they are killed.
  absl::Status Run();

 private:
  absl::Status Prepare();
  void OnSignals();
  void Stop();
  // Unless the host has ended everything soon.
  void EndSoon(absl::Status status);
  void ReapAll();
  void StartHost();
  absl::Status TryToStartHost();
  void OnHostStarted();
  void OnServing();
  void OnHostGone();
  // Returns the number of the event.
  uint64_t Tell(v1::Event::Command command);
  // Again and again, whether the host hangs.
  void CheckHost();
  void End(absl::Status status);
  // Kills and reaps what is left.
  static void EndChildren();

  process::EventLoop& loop_;
  const Options options_;
  std::string program_;  // as it is installed
  UniqueFd signals_;
  KeptState state_;
  Alarm restart_;
  Alarm check_;
  Alarm end_;
  HangDetector detector_;
  uint64_t last_ping_ = 0;

  process::ProcessSpec spec_;  // of the host that starts
  std::optional<process::ChildProcess> host_;
  bool is_connected_ = false;  // to a host that may have ended
  bool is_serving_ = false;
  bool has_served_ = false;
  bool ended_well_ = false;
  bool is_stopping_ = false;
  std::chrono::steady_clock::time_point stop_asked_;
  bool is_hurrying_ = false;     // does not wait for processes to end
  int ends_while_stopping_ = 0;  // of hosts that have not ended the services
  absl::Duration delay_;
  absl::Status result_;
  // Its end is that of the connection to a host that is still there: it calls
  // OnHostGone(), which uses all of the above.
  Server server_;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_KEEPER_H_
