#include "services/host/hosted_process.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/process/pidfd.h"

namespace fdrpc::host {
namespace {

using process::ProcessSpec;

// Of the first descriptor (SD_LISTEN_FDS_START).
constexpr int kFirstPassed = 3;

// The read end does not block the host.
absl::Status OpenPipe(UniqueFd& read_end, UniqueFd& write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return absl::ErrnoToStatus(errno, "pipe2");
  read_end = UniqueFd(ends[0]);
  write_end = UniqueFd(ends[1]);
  return absl::OkStatus();
}

void AddPassed(const std::vector<PassedDescriptor>& passed, ProcessSpec& spec) {
  if (passed.empty()) return;
  std::vector<std::string> names;
  for (const PassedDescriptor& descriptor : passed) {
    const int number = kFirstPassed + static_cast<int>(names.size());
    spec.descriptors.push_back({descriptor.fd.get(), number});
    names.push_back(descriptor.name);
  }
  spec.environment.push_back(absl::StrCat("LISTEN_FDS=", names.size()));
  spec.environment.push_back(
      absl::StrCat("LISTEN_FDNAMES=", absl::StrJoin(names, ":")));
  spec.pid_variables.emplace_back("LISTEN_PID");
}

// 0: none.
uint64_t WatchdogMicroseconds(absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return 0;
  return static_cast<uint64_t>(
      std::max<int64_t>(absl::ToInt64Microseconds(timeout), 1));
}

// In the manner of sd_watchdog_enabled(3).
void AddWatchdog(absl::Duration timeout, ProcessSpec& spec) {
  const uint64_t microseconds = WatchdogMicroseconds(timeout);
  if (microseconds == 0) return;
  spec.environment.push_back(absl::StrCat("WATCHDOG_USEC=", microseconds));
  spec.pid_variables.emplace_back("WATCHDOG_PID");
}

void AddLimit(const rlimit& open_files, ProcessSpec& spec) {
  const bool has_own = std::any_of(
      spec.limits.begin(), spec.limits.end(),
      [](const auto& limit) { return limit.resource == RLIMIT_NOFILE; });
  if (!has_own) spec.limits.push_back({RLIMIT_NOFILE, open_files});
}

}  // namespace

absl::StatusOr<std::unique_ptr<HostedProcess>> HostedProcess::Start(
    process::EventLoop& loop, const HostedService& service,
    const std::vector<PassedDescriptor>& passed,
    const Environment& environment) {
  if (!service.error.empty()) {
    return absl::FailedPreconditionError(service.error);
  }
  ProcessSpec spec = service.process;
  UniqueFd output, output_write_end, gate, gate_write_end;
  absl::Status status = OpenPipe(output, output_write_end);
  if (status.ok()) status = OpenPipe(gate, gate_write_end);
  if (!status.ok()) return status;
  const UniqueFd directory(open(service.working_directory.c_str(),
                                O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("working directory ", service.working_directory));
  }
  // Only this end: the process's own is as it expects it.
  fcntl(output.get(), F_SETFL, O_NONBLOCK);
  spec.working_directory = directory.get();
  spec.descriptors = {{output_write_end.get(), STDOUT_FILENO},
                      {output_write_end.get(), STDERR_FILENO}};
  AddPassed(passed, spec);
  AddLimit(environment.open_files, spec);
  spec.environment.push_back(
      absl::StrCat("NOTIFY_SOCKET=", environment.notify_address));
  spec.namespaces = static_cast<uint64_t>(service.namespaces);
  spec.is_sibling = true;
  spec.gate = gate.get();
  AddWatchdog(service.watchdog_timeout, spec);
  v1::ProgramFile program = IdentifyProgram(spec.program);
  absl::StatusOr<process::ChildProcess> child =
      process::ChildProcess::Start(spec);
  if (!child.ok()) return child.status();
  std::unique_ptr<HostedProcess> process(
      new HostedProcess(loop, *std::move(child)));
  process->spec_ = std::move(spec);
  process->gate_ = std::move(gate_write_end);
  process->output_ = std::move(output);
  v1::ProcessRecord& record = process->record_;
  record.set_pid(process->pid());
  record.set_watchdog_us(WatchdogMicroseconds(service.watchdog_timeout));
  record.set_started_ms(static_cast<uint64_t>(absl::ToUnixMillis(absl::Now())));
  *record.mutable_program() = std::move(program);
  return process;
}

std::unique_ptr<HostedProcess> HostedProcess::Adopt(process::EventLoop& loop,
                                                    v1::ProcessRecord record,
                                                    SharedFd pidfd) {
  std::unique_ptr<HostedProcess> process(new HostedProcess(
      loop, process::ChildProcess::Adopt(record.pid(), std::move(pidfd))));
  process->record_ = std::move(record);
  return process;
}

HostedProcess::~HostedProcess() {
  if (on_started_ != nullptr) loop_.Unwatch(child_.start_fd());
}

void HostedProcess::Release(
    absl::AnyInvocable<void(const absl::Status&)> on_started) {
  if (!gate_.ok()) return;
  on_started_ = std::move(on_started);
  absl::Status watched = loop_.Watch(child_.start_fd(), [this] { OnStart(); });
  if (!watched.ok()) {
    // It ends without having run.
    gate_.Reset();
    return std::exchange(on_started_, nullptr)(watched);
  }
  // There is room for a byte; if the process is dead, its end is reported.
  (void)!write(gate_.get(), "", 1);
  gate_.Reset();
}

void HostedProcess::OnStart() {
  loop_.Unwatch(child_.start_fd());
  const absl::Status status = child_.FinishStart(spec_);
  spec_ = {};
  std::exchange(on_started_, nullptr)(status);
}

bool HostedProcess::has_ended() const {
  return process::HasEnded(pidfd().get());
}

v1::ProgramFile IdentifyProgram(const std::string& path) {
  v1::ProgramFile file;
  struct stat info;
  if (stat(path.c_str(), &info) < 0) return file;
  file.set_device(info.st_dev);
  file.set_inode(info.st_ino);
  file.set_modified_ns(info.st_mtim.tv_sec * 1'000'000'000L +
                       info.st_mtim.tv_nsec);
  return file;
}

}  // namespace fdrpc::host
