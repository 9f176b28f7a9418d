#ifndef FDRPC_SERVICES_HOST_SERVICE_MACHINE_H_
#define FDRPC_SERVICES_HOST_SERVICE_MACHINE_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "fdrpc/host/v1/host.pb.h"
#include "fdrpc/host/v1/record.pb.h"
#include "services/host/hosted_service.h"

namespace fdrpc::host {

// Decides what happens to the processes of one service. It does nothing itself:
// it is told what has happened and when, and answers with what is to be done.
// One of its processes may start and one may serve at a time; any number may be
// ending.
class ServiceMachine {
 public:
  using Role = v1::ProcessRecord::Role;

  // Of a service, what this depends on.
  struct Rules {
    v1::ServiceConfig::Start start = v1::ServiceConfig::START_ON_CONNECTION;
    bool has_sockets = true;
    absl::Duration start_timeout = absl::Seconds(30);
    absl::Duration stop_timeout = absl::Seconds(20);
    absl::Duration watchdog_timeout = absl::InfiniteDuration();
    RestartPolicy restart = {};
  };
  struct Process {
    Role role = v1::ProcessRecord::ROLE_STARTING;
    bool was_told_to_end = false;  // by the host: however it ends is no failure
    bool was_late = false;         // not ready in time, and killed
    absl::Time since;              // has this role

    absl::Duration watchdog_timeout = absl::InfiniteDuration();
    absl::Time heard = {};  // by the watchdog, or since it is ready
    // The watchdog has heard nothing for its timeout, and listens once more.
    std::optional<absl::Time> silent_since = std::nullopt;
    // Nothing that was sent before then waits to be heard.
    std::optional<absl::Time> listened = std::nullopt;
    // By the watchdog, then.
    std::optional<absl::Time> aborted = std::nullopt;
  };

  enum class Do {
    kStart,       // a process: then Started() or NotStarted()
    kTerminate,   // `pid`, with SIGTERM
    kListen,      // read what was sent, by `pid` too: then OnListened()
    kAbort,       // `pid`, with SIGABRT: its watchdog heard nothing
    kAbortAsked,  // the same: it has said that it hangs
    kKill,        // `pid` and its group, with SIGKILL
    kReportReady,
    kReportFailure,  // the attempt to start a process has failed
  };
  struct Action {
    Do what;
    pid_t pid = 0;
  };
  using Actions = std::vector<Action>;

  explicit ServiceMachine(Rules rules);
  // Those of a new configuration.
  void SetRules(Rules rules) { rules_ = rules; }

  // What another host has left, before anything else.
  void Restore(const v1::ServiceRecord& record);
  void RestoreProcess(const v1::ProcessRecord& record, absl::Time now);

  // The service is to do what its configuration says from now on.
  Actions Begin();
  // As for the Host's methods.
  Actions Start();
  Actions Stop(absl::Time now);
  Actions Restart(absl::Time now);

  // The process that starts is the wrong one: another one, if none serves.
  Actions EndStarting(absl::Time now);

  // A client waits on a socket.
  Actions OnConnection();
  // No client has been connected for the idle time.
  Actions OnIdle(absl::Time now);

  void Started(pid_t pid, absl::Time now);
  Actions NotStarted(absl::Time now);
  // Of a process that is starting.
  Actions OnReady(pid_t pid, absl::Time now);
  // The process has said that it is alive, for the watchdog.
  void OnAlive(pid_t pid, absl::Time now);
  // What had been sent was read, as kListen asks.
  void OnListened(pid_t pid, absl::Time now);
  // The process has said that it hangs.
  Actions OnHang(pid_t pid, absl::Time now);
  // The process has said that it ends.
  Actions OnStopping(pid_t pid, absl::Time now);
  // `is_clean`: with exit status 0.
  Actions OnEnd(pid_t pid, bool is_clean, absl::Time now);
  // A deadline may have passed.
  Actions OnTime(absl::Time now);

  v1::State state() const;
  // In state(), with no process that starts or serves.
  v1::State rest() const { return rest_; }
  uint32_t failures() const { return failures_; }
  const std::map<pid_t, Process>& processes() const { return processes_; }
  std::optional<pid_t> starting() const;
  std::optional<pid_t> serving() const;
  // A connection starts a process.
  bool awaits_connection() const;
  // When OnTime() has something to do.
  absl::Time next_deadline() const;

 private:
  std::optional<pid_t> ProcessIn(Role role) const;
  v1::State UsualRest() const;
  bool is_idle() const { return !starting() && !serving() && !forking_; }
  Actions StartOne();
  void TellToEnd(pid_t pid, absl::Time now, Actions& actions);
  void Fail(bool was_stable, absl::Time now);
  void CheckWatchdog(pid_t pid, Process& process, absl::Time now,
                     Actions& actions) const;
  absl::Time WatchdogDeadline(const Process& process) const;

  Rules rules_;
  v1::State rest_ = v1::STATE_STOPPED;
  bool forking_ = false;  // kStart was answered, and not done yet
  uint32_t failures_ = 0;
  absl::Time back_off_until_ = absl::InfiniteFuture();
  std::map<pid_t, Process> processes_;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_SERVICE_MACHINE_H_
