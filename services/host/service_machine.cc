#include "services/host/service_machine.h"

#include <algorithm>
#include <utility>

namespace fdrpc::host {
namespace {

using v1::ProcessRecord;
using v1::ServiceConfig;

// What a process says may be on the way still. If the host takes longer to read
// what waits, it was held up itself, and what was said may have been lost.
constexpr absl::Duration kLastChance = absl::Seconds(1);

}  // namespace

ServiceMachine::ServiceMachine(Rules rules) : rules_(std::move(rules)) {}

void ServiceMachine::Restore(const v1::ServiceRecord& record) {
  rest_ = record.rest();
  failures_ = record.failures();
  // The delay had begun before.
  if (rest_ == v1::STATE_BACKING_OFF) back_off_until_ = absl::InfinitePast();
}

void ServiceMachine::RestoreProcess(const v1::ProcessRecord& record,
                                    absl::Time now) {
  processes_[record.pid()] = {.role = record.role(),
                              .was_told_to_end = record.was_told_to_end(),
                              .was_late = false,
                              .since = now,
                              .heard = now};
  if (record.watchdog_us() > 0) {
    processes_[record.pid()].watchdog_timeout =
        absl::Microseconds(static_cast<int64_t>(record.watchdog_us()));
  }
}

ServiceMachine::Actions ServiceMachine::Begin() {
  failures_ = 0;
  rest_ = UsualRest();
  if (rules_.start == ServiceConfig::START_AT_ONCE && is_idle()) {
    return StartOne();
  }
  return {};
}

ServiceMachine::Actions ServiceMachine::Start() {
  failures_ = 0;
  rest_ = UsualRest();
  if (!is_idle()) return {};
  return StartOne();
}

ServiceMachine::Actions ServiceMachine::Stop(absl::Time now) {
  failures_ = 0;
  rest_ = v1::STATE_STOPPED;
  Actions actions;
  for (const auto& [pid, process] : processes_) TellToEnd(pid, now, actions);
  return actions;
}

ServiceMachine::Actions ServiceMachine::Restart(absl::Time now) {
  failures_ = 0;
  rest_ = UsualRest();
  Actions actions;
  if (const auto pid = starting()) TellToEnd(*pid, now, actions);
  const Actions start = StartOne();
  actions.insert(actions.end(), start.begin(), start.end());
  return actions;
}

ServiceMachine::Actions ServiceMachine::EndStarting(absl::Time now) {
  Actions actions;
  const auto pid = starting();
  if (!pid) return actions;
  TellToEnd(*pid, now, actions);
  if (serving()) return actions;
  const Actions start = StartOne();
  actions.insert(actions.end(), start.begin(), start.end());
  return actions;
}

ServiceMachine::Actions ServiceMachine::OnConnection() {
  if (!awaits_connection()) return {};
  return StartOne();
}

ServiceMachine::Actions ServiceMachine::OnIdle(absl::Time now) {
  Actions actions;
  const auto pid = serving();
  if (!pid || starting() || forking_) return actions;
  rest_ = UsualRest();
  TellToEnd(*pid, now, actions);
  return actions;
}

ServiceMachine::Actions ServiceMachine::StartOne() {
  if (std::exchange(forking_, true)) return {};
  return {{Do::kStart}};
}

void ServiceMachine::Started(pid_t pid, absl::Time now) {
  forking_ = false;
  processes_[pid] = {.role = ProcessRecord::ROLE_STARTING,
                     .was_told_to_end = false,
                     .was_late = false,
                     .since = now,
                     .watchdog_timeout = rules_.watchdog_timeout};
}

ServiceMachine::Actions ServiceMachine::NotStarted(absl::Time now) {
  forking_ = false;
  if (!serving()) Fail(/*was_stable=*/false, now);
  return {{Do::kReportFailure}};
}

ServiceMachine::Actions ServiceMachine::OnReady(pid_t pid, absl::Time now) {
  const auto found = processes_.find(pid);
  if (found == processes_.end() ||
      found->second.role != ProcessRecord::ROLE_STARTING ||
      found->second.was_late) {
    return {};
  }
  Actions actions = {{Do::kReportReady, pid}};
  if (const auto former = serving()) TellToEnd(*former, now, actions);
  found->second.role = ProcessRecord::ROLE_SERVING;
  found->second.since = now;
  found->second.heard = now;
  return actions;
}

void ServiceMachine::OnAlive(pid_t pid, absl::Time now) {
  const auto found = processes_.find(pid);
  if (found == processes_.end()) return;
  found->second.heard = now;
  found->second.silent_since.reset();
  found->second.listened.reset();
}

void ServiceMachine::OnListened(pid_t pid, absl::Time now) {
  const auto found = processes_.find(pid);
  if (found == processes_.end()) return;
  Process& process = found->second;
  if (!process.silent_since.has_value()) return;
  if (now - *process.silent_since > kLastChance) return OnAlive(pid, now);
  if (!process.listened.has_value()) process.listened = now;
}

ServiceMachine::Actions ServiceMachine::OnHang(pid_t pid, absl::Time now) {
  const auto found = processes_.find(pid);
  if (found == processes_.end() || found->second.aborted.has_value() ||
      found->second.role != ProcessRecord::ROLE_SERVING ||
      found->second.watchdog_timeout == absl::InfiniteDuration()) {
    return {};
  }
  found->second.aborted = now;
  return {{Do::kAbortAsked, pid}};
}

void ServiceMachine::CheckWatchdog(pid_t pid, Process& process, absl::Time now,
                                   Actions& actions) const {
  if (process.was_late || now < WatchdogDeadline(process)) return;
  if (process.aborted.has_value()) {
    process.was_late = true;
    actions.push_back({Do::kKill, pid});
  } else if (process.silent_since.has_value()) {
    process.aborted = now;
    actions.push_back({Do::kAbort, pid});
  } else {
    process.silent_since = now;
    actions.push_back({Do::kListen, pid});
  }
}

absl::Time ServiceMachine::WatchdogDeadline(const Process& process) const {
  if (process.aborted.has_value())
    return *process.aborted + rules_.stop_timeout;
  if (process.silent_since.has_value()) {
    // Not by time alone: the host may be the one that is held up.
    if (!process.listened.has_value()) return absl::InfiniteFuture();
    return *process.silent_since +
           std::min(process.watchdog_timeout, kLastChance);
  }
  return process.heard + process.watchdog_timeout;
}

ServiceMachine::Actions ServiceMachine::OnStopping(pid_t pid, absl::Time now) {
  const auto found = processes_.find(pid);
  if (found == processes_.end() ||
      found->second.role != ProcessRecord::ROLE_SERVING) {
    return {};
  }
  found->second.role = ProcessRecord::ROLE_ENDING;
  found->second.since = now;
  rest_ = UsualRest();
  return {};
}

ServiceMachine::Actions ServiceMachine::OnEnd(pid_t pid, bool is_clean,
                                              absl::Time now) {
  const auto found = processes_.find(pid);
  if (found == processes_.end()) return {};
  const Process ended = found->second;
  processes_.erase(found);
  if (ended.was_told_to_end) return {};
  if (ended.role == ProcessRecord::ROLE_STARTING) {
    // If another one serves, nobody notices.
    if (!serving()) Fail(/*was_stable=*/false, now);
    return {{Do::kReportFailure, pid}};
  }
  // Its successor is there, or on the way.
  if (!is_idle()) return {};
  // One that ends at once would be started again by the same client.
  const bool is_early = now - ended.since < rules_.restart.delay &&
                        ended.role == ProcessRecord::ROLE_SERVING;
  const bool has_hung = ended.aborted.has_value();
  if (is_clean && !has_hung && !is_early &&
      rules_.start != ServiceConfig::START_AT_ONCE) {
    failures_ = 0;
    rest_ = UsualRest();
    return {};
  }
  Fail(now - ended.since >= rules_.restart.stable_after, now);
  return {};
}

void ServiceMachine::Fail(bool was_stable, absl::Time now) {
  if (was_stable) failures_ = 0;
  ++failures_;
  if (failures_ >= rules_.restart.max_failures) {
    rest_ = v1::STATE_FAILED;
    return;
  }
  rest_ = v1::STATE_BACKING_OFF;
  absl::Duration delay = rules_.restart.delay;
  for (uint32_t i = 1; i < failures_ && delay < rules_.restart.max_delay; ++i) {
    delay *= 2;
  }
  back_off_until_ = now + std::min(delay, rules_.restart.max_delay);
}

void ServiceMachine::TellToEnd(pid_t pid, absl::Time now, Actions& actions) {
  Process& process = processes_.at(pid);
  if (process.was_told_to_end) return;
  process.was_told_to_end = true;
  process.role = ProcessRecord::ROLE_ENDING;
  process.since = now;
  actions.push_back({Do::kTerminate, pid});
}

ServiceMachine::Actions ServiceMachine::OnTime(absl::Time now) {
  Actions actions;
  for (auto& [pid, process] : processes_) {
    if (process.role == ProcessRecord::ROLE_STARTING && !process.was_late &&
        now >= process.since + rules_.start_timeout) {
      process.was_late = true;
      actions.push_back({Do::kKill, pid});
    }
    if (process.role == ProcessRecord::ROLE_ENDING && !process.was_late &&
        now >= process.since + rules_.stop_timeout) {
      process.was_late = true;
      process.was_told_to_end = true;
      actions.push_back({Do::kKill, pid});
    }
    if (process.role == ProcessRecord::ROLE_SERVING) {
      CheckWatchdog(pid, process, now, actions);
    }
  }
  if (rest_ == v1::STATE_BACKING_OFF && is_idle() && now >= back_off_until_) {
    rest_ = UsualRest();
    if (rules_.start != ServiceConfig::START_ON_CONNECTION) {
      const Actions start = StartOne();
      actions.insert(actions.end(), start.begin(), start.end());
    }
  }
  return actions;
}

absl::Time ServiceMachine::next_deadline() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [pid, process] : processes_) {
    if (process.was_late) continue;
    if (process.role == ProcessRecord::ROLE_STARTING) {
      next = std::min(next, process.since + rules_.start_timeout);
    } else if (process.role == ProcessRecord::ROLE_ENDING) {
      next = std::min(next, process.since + rules_.stop_timeout);
    } else {
      next = std::min(next, WatchdogDeadline(process));
    }
  }
  if (rest_ == v1::STATE_BACKING_OFF && is_idle()) {
    next = std::min(next, back_off_until_);
  }
  return next;
}

v1::State ServiceMachine::state() const {
  const bool starts = forking_ || starting().has_value();
  if (serving()) return starts ? v1::STATE_REPLACING : v1::STATE_RUNNING;
  if (starts) return v1::STATE_STARTING;
  const bool is_at_rest =
      rest_ == v1::STATE_STOPPED || rest_ == v1::STATE_LISTENING;
  if (!processes_.empty() && is_at_rest) return v1::STATE_STOPPING;
  return rest_;
}

std::optional<pid_t> ServiceMachine::ProcessIn(Role role) const {
  for (const auto& [pid, process] : processes_) {
    if (process.role == role) return pid;
  }
  return std::nullopt;
}

std::optional<pid_t> ServiceMachine::starting() const {
  return ProcessIn(ProcessRecord::ROLE_STARTING);
}

std::optional<pid_t> ServiceMachine::serving() const {
  return ProcessIn(ProcessRecord::ROLE_SERVING);
}

bool ServiceMachine::awaits_connection() const {
  return rest_ == v1::STATE_LISTENING && is_idle();
}

v1::State ServiceMachine::UsualRest() const {
  return rules_.has_sockets && rules_.start != ServiceConfig::START_BY_HAND
             ? v1::STATE_LISTENING
             : v1::STATE_STOPPED;
}

}  // namespace fdrpc::host
