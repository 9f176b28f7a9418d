#ifndef FDRPC_TESTS_SERVICES_HOST_RUNNING_HOST_H_
#define FDRPC_TESTS_SERVICES_HOST_RUNNING_HOST_H_

#include <sys/types.h>

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "fdrpc/channel.h"
#include "fdrpc/host/v1/host.fdrpc.h"
#include "fdrpc/unique_fd.h"
#include "tests/services/host/config_directory.h"
#include "tests/services/program/program.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

// The text of a service that runs a shell script, and then waits until it is
// told to end.
std::string Script(const std::string& script);

// fdrpc-host as a process, with services of the test's.
class RunningHost {
 public:
  // Which has no service yet, and does not run. `control_scheme` is that of the
  // address by which it is controlled.
  explicit RunningHost(std::string control_scheme = "unix:")
      : control_scheme_(std::move(control_scheme)) {}

  // A service that runs host_test_service, on the socket of its name.
  void Add(const std::string& name, const std::string& more = "",
           const std::string& scheme = "unix:");
  void Write(const std::string& name, const std::string& text) const {
    config_.Write(name, text);
  }
  void Remove(const std::string& name) const;
  // Of a service that Add() has added.
  std::string address(const std::string& name,
                      const std::string& scheme = "unix:") const {
    return dir_.address(name, scheme);
  }
  std::string control() const {
    return dir_.address("control", control_scheme_);
  }
  const TempDir& dir() const { return dir_; }
  std::string config_path() const { return config_.path(); }

  // In the place of the fdrpc-host that was built.
  void SetProgram(const std::string& path) { path_ = path; }
  // Whether processes of Add() fail, or never get ready, from now on.
  void SetFailing(bool fail) const { SetFile("fail", fail); }
  void SetHanging(bool hang) const { SetFile("hang", hang); }

  // Starts it, and blocks until it serves. `before` are words in front of it.
  void Start(const std::vector<std::string>& options = {},
             std::vector<std::string> before = {});
  // The keeper.
  Program& program() { return *program_; }
  // SIGTERM, and waits.
  Ending Stop();
  // The process that hosts, and that a test kills.
  pid_t HostPid();
  // Kills it by SIGKILL, and blocks until the next one serves.
  void KillHost();

  host::v1::Host::Stub stub();
  host::v1::ServiceStatus StatusOf(const std::string& name);
  // Blocks until the status is like that.
  host::v1::ServiceStatus Await(
      const std::string& name,
      const std::function<bool(const host::v1::ServiceStatus&)>& is_it);
  host::v1::ServiceStatus AwaitState(const std::string& name,
                                     host::v1::State state);
  absl::Status Restart(const std::string& name);
  absl::StatusOr<host::v1::ReloadReply> Reload();
  // All lines of the log that are kept.
  std::vector<std::string> Logs(const std::string& name);
  // Blocks until the log has this line.
  void AwaitLine(const std::string& name, const std::string& text);

  // A call of a service that Add() has added, over a channel of its own: what
  // host_test_service answers, with its pid as `number`.
  absl::StatusOr<Text> Call(const std::string& name, const std::string& text,
                            const std::string& scheme = "unix:") const;

  // fdrpc-hostctl.
  Ending Ctl(const std::vector<std::string>& words) const;

 private:
  void SetFile(const std::string& name, bool exists) const;

  const std::string control_scheme_;
  std::string path_ = FDRPC_HOST_PROGRAM;
  TempDir dir_;
  ConfigDirectory config_;
  UniqueFd output_;
  std::optional<Program> program_;
  std::mutex mu_;
  std::optional<Channel> channel_;  // made once
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVICES_HOST_RUNNING_HOST_H_
