#include "services/launcher/launched_processes.h"

#include <sys/random.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/launcher/process_events.h"

namespace fdrpc::launcher {
namespace {

// Random, so that an id of an earlier launcher names no other process here.
uint64_t NewId() {
  uint64_t id = 0;
  // Never short or interrupted for so few bytes; 0 is what an unset field has.
  while (id == 0) (void)!getrandom(&id, sizeof(id), 0);
  return id;
}

}  // namespace

absl::StatusOr<uint64_t> LaunchedProcesses::Start(process::ProcessSpec spec,
                                                  uid_t owner,
                                                  Started started) {
  User& user = users_[owner];
  if (user.running >= options_.max_running_per_user) {
    return absl::ResourceExhaustedError(
        absl::StrCat("user ", owner, " has ", user.running,
                     " processes here already, which is the most"));
  }
  absl::StatusOr<process::ChildProcess> child =
      process::ChildProcess::Start(spec);
  if (!child.ok()) return child.status();
  ++user.running;
  const uint64_t id = NewId();
  if (absl::Status watched = Watch(id, *child); !watched.ok()) {
    Kill(*std::move(child), owner);
    return watched;
  }
  ids_[child->pid()] = id;
  Process& process = processes_[id];
  process.owner = owner;
  process.spec = std::move(spec);
  process.started = std::move(started);
  process.child = *std::move(child);
  return id;
}

absl::Status LaunchedProcesses::Watch(uint64_t id,
                                      const process::ChildProcess& child) {
  const int start = child.start_fd();
  absl::Status status = loop_.Watch(start, [this, id] { OnStart(id); });
  if (!status.ok()) return status;
  status = loop_.Watch(child.pidfd().get(), [this, id] { OnEnd(id); });
  if (!status.ok()) loop_.Unwatch(start);
  return status;
}

void LaunchedProcesses::OnStart(uint64_t id) {
  Process& process = processes_.at(id);
  process::ChildProcess& child = *process.child;
  loop_.Unwatch(child.start_fd());
  const absl::Status status = child.FinishStart(process.spec);
  process.spec = {};
  Started started = std::exchange(process.started, nullptr);
  if (!status.ok()) {
    loop_.Unwatch(child.pidfd().get());
    ids_.erase(child.pid());
    Kill(std::move(child), process.owner);
    processes_.erase(id);
  }
  started(status);
}

void LaunchedProcesses::Kill(process::ChildProcess child, uid_t owner) {
  child.Signal(SIGKILL);
  dying_.push_back({.child = std::move(child), .owner = owner});
  ReapDying();
}

void LaunchedProcesses::ReapDying() {
  std::erase_if(dying_, [this](Dying& dying) {
    if (!dying.child.Reap().has_value()) return false;
    --users_[dying.owner].running;
    return true;
  });
}

void LaunchedProcesses::OnEnd(uint64_t id) {
  // Killed before its program ran.
  if (processes_.at(id).started != nullptr) return OnStart(id);
  Process& process = processes_.at(id);
  const std::optional<process::ProcessEnd> end = process.child->Reap();
  if (!end.has_value()) return;
  loop_.Unwatch(process.child->pidfd().get());
  ids_.erase(process.child->pid());
  process.child.reset();
  process.end = *end;
  User& user = users_[process.owner];
  --user.running;
  const auto streams = std::exchange(process.streams, {});
  Remember(id, user);
  for (const std::shared_ptr<EventStream>& stream : streams) {
    stream->Send(EndedEvent(*end));
    stream->Finish(absl::OkStatus());
  }
}

void LaunchedProcesses::Remember(uint64_t id, User& user) {
  user.ended.push_back(id);
  if (user.ended.size() <= options_.max_ended_per_user) return;
  processes_.erase(user.ended.front());
  user.ended.pop_front();
}

std::optional<uid_t> LaunchedProcesses::OwnerOf(uint64_t id) const {
  const auto found = processes_.find(id);
  if (found == processes_.end()) return std::nullopt;
  return found->second.owner;
}

std::optional<LaunchedProcesses::Running> LaunchedProcesses::Find(
    uint64_t id) const {
  const auto found = processes_.find(id);
  if (found == processes_.end() || !found->second.child.has_value()) {
    return std::nullopt;
  }
  const process::ChildProcess& child = *found->second.child;
  return Running{.pid = child.pid(), .pidfd = child.pidfd()};
}

void LaunchedProcesses::AddStream(uint64_t id,
                                  std::shared_ptr<EventStream> stream) {
  Process& process = processes_.at(id);
  if (!process.child.has_value()) {
    stream->Send(EndedEvent(process.end));
    return stream->Finish(absl::OkStatus());
  }
  stream->Send(StartedEvent(id, process.child->pid(), process.child->pidfd()));
  if (process.stop_signal != 0) stream->Send(StopEvent(process.stop_signal));
  process.streams.push_back(std::move(stream));
}

void LaunchedProcesses::RemoveStream(
    uint64_t id, const std::shared_ptr<EventStream>& stream) {
  const auto found = processes_.find(id);
  if (found != processes_.end()) std::erase(found->second.streams, stream);
}

void LaunchedProcesses::SignalGroup(uint64_t id, int signal) {
  const auto found = processes_.find(id);
  if (found == processes_.end() || !found->second.child.has_value()) return;
  found->second.child->SignalGroup(signal);
}

void LaunchedProcesses::OnChildSignal() {
  ReapDying();
  while (const auto change = process::ChildProcess::NextStateChange()) {
    const auto id = ids_.find(change->pid);
    if (id == ids_.end()) continue;
    Process& process = processes_.at(id->second);
    process.stop_signal = change->stop_signal;
    for (const std::shared_ptr<EventStream>& stream : process.streams) {
      stream->Send(StopEvent(change->stop_signal));
    }
  }
}

}  // namespace fdrpc::launcher
