#include "tests/services/host/running_host.h"

#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/files.h"

namespace fdrpc::testing {

using host::v1::ServiceStatus;

void RunningHost::Add(const std::string& name, const std::string& more,
                      const std::string& scheme) {
  std::string text;
  for (const std::string& word : {std::string(FDRPC_HOST_TEST_SERVICE),
                                  dir_.file("fail"), dir_.file("hang")}) {
    absl::StrAppend(&text, "command: \"", word, "\"\n");
  }
  absl::StrAppend(&text, "sockets { address: \"", address(name, scheme),
                  "\" }\n", more, "\n");
  Write(name, text);
}

void RunningHost::Remove(const std::string& name) const {
  EXPECT_EQ(unlink(config_.file(name).c_str()), 0);
}

void RunningHost::SetFile(const std::string& name, bool exists) const {
  if (exists) {
    std::ofstream(dir_.file(name)) << "\n";
  } else {
    unlink(dir_.file(name).c_str());
  }
}

void RunningHost::Start(const std::vector<std::string>& options,
                        std::vector<std::string> before) {
  auto [read_end, write_end] = Pipe();
  std::vector<std::string> words = std::move(before);
  words.insert(words.end(), {path_, "run", "--config", config_.path(),
                             "--control", control()});
  words.insert(words.end(), options.begin(), options.end());
  program_.emplace(words, ProgramOptions{.standard_output = write_end.get()});
  write_end.Reset();
  EXPECT_EQ(Program::ReadLine(read_end.get()), "listening on " + control());
  output_ = std::move(read_end);
}

Ending RunningHost::Stop() {
  program_->Signal(SIGTERM);
  return program_->Wait();
}

host::v1::Host::Stub RunningHost::stub() {
  const std::lock_guard lock(mu_);
  if (!channel_.has_value()) {
    channel_ = *Channel::Connect(control());
  }
  return host::v1::Host::Stub(*channel_);
}

pid_t RunningHost::HostPid() {
  // A call may reach one that dies, and then fails.
  while (true) {
    const auto list =
        stub().List(host::v1::ListRequest(), {.wait_for_ready = true});
    if (list.ok()) return list->host_pid();
  }
}

void RunningHost::KillHost() {
  const pid_t pid = HostPid();
  EXPECT_EQ(kill(pid, SIGKILL), 0);
  while (HostPid() == pid) {
  }
}

ServiceStatus RunningHost::StatusOf(const std::string& name) {
  host::v1::GetStatusRequest request;
  request.set_name(name);
  const auto status = stub().GetStatus(request, {.wait_for_ready = true});
  EXPECT_TRUE(status.ok()) << status.status();
  return status.value_or(ServiceStatus());
}

ServiceStatus RunningHost::Await(
    const std::string& name,
    const std::function<bool(const ServiceStatus&)>& is_it) {
  while (true) {
    // Ends with its host.
    auto changes =
        stub().Watch(host::v1::WatchRequest(), {.wait_for_ready = true});
    while (const auto status = changes.Read()) {
      if (status->name() == name && is_it(*status)) return *status;
    }
  }
}

ServiceStatus RunningHost::AwaitState(const std::string& name,
                                      host::v1::State state) {
  return Await(name, [state](const ServiceStatus& status) {
    return status.state() == state;
  });
}

absl::Status RunningHost::Restart(const std::string& name) {
  host::v1::RestartRequest request;
  request.set_name(name);
  return stub().Restart(request, {.wait_for_ready = true}).status();
}

absl::StatusOr<host::v1::ReloadReply> RunningHost::Reload() {
  return stub().Reload(host::v1::ReloadRequest(), {.wait_for_ready = true});
}

void RunningHost::AwaitLine(const std::string& name, const std::string& text) {
  host::v1::LogsRequest request;
  request.set_name(name);
  request.set_lines(1000);
  request.set_follow(true);
  auto stream = stub().Logs(request, {.wait_for_ready = true});
  bool found = false;
  while (const auto line = stream.Read()) {
    if (!found && line->text() == text) {
      found = true;
      stream.Cancel();
    }
  }
  EXPECT_TRUE(found) << stream.Finish();
}

std::vector<std::string> RunningHost::Logs(const std::string& name) {
  host::v1::LogsRequest request;
  request.set_name(name);
  request.set_lines(1000);
  auto stream = stub().Logs(request, {.wait_for_ready = true});
  std::vector<std::string> lines;
  while (const auto line = stream.Read()) lines.push_back(line->text());
  const absl::Status status = stream.Finish();
  EXPECT_TRUE(status.ok()) << status;
  return lines;
}

absl::StatusOr<Text> RunningHost::Call(const std::string& name,
                                       const std::string& text,
                                       const std::string& scheme) const {
  const auto channel = Channel::Connect(address(name, scheme));
  if (!channel.ok()) return channel.status();
  return TestService::Stub(*channel).Echo(TextOf(text));
}

std::string Script(const std::string& script) {
  return absl::StrCat("command: \"/bin/sh\" command: \"-c\" command: \"",
                      script,
                      "; exec sleep 1000\" start: START_AT_ONCE "
                      "readiness: READINESS_STARTED\n");
}

Ending RunningHost::Ctl(const std::vector<std::string>& words) const {
  std::vector<std::string> all = {FDRPC_HOSTCTL_PROGRAM, "--host", control()};
  all.insert(all.end(), words.begin(), words.end());
  return Run(all);
}

}  // namespace fdrpc::testing
