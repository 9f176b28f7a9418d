#include "services/host/service_supervisor.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "services/host/end_text.h"

namespace fdrpc::host {
namespace {

using v1::ProcessRecord;
using v1::ServiceConfig;

// Not the time of day, which jumps.
absl::Time Now() {
  return absl::FromChrono(std::chrono::system_clock::time_point()) +
         absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

absl::Status RemovedError() {
  return absl::FailedPreconditionError("the service is being removed");
}

ServiceMachine::Rules RulesOf(const HostedService& service) {
  return {.start = service.config.start(),
          .has_sockets = !service.sockets.empty(),
          .start_timeout = service.start_timeout,
          .stop_timeout = service.stop_timeout,
          .watchdog_timeout = service.watchdog_timeout,
          .restart = service.restart};
}

bool IsSame(const google::protobuf::MessageLite& a,
            const google::protobuf::MessageLite& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

}  // namespace

ServiceSupervisor::ServiceSupervisor(Context& context, HostedService service)
    : context_(context),
      service_(std::move(service)),
      machine_(RulesOf(service_)),
      log_({.name = service_.name,
            .settings = service_.log,
            .directory = context.log_directory}),
      sockets_(*context.keeper, service_.name),
      store_(*context.keeper, service_.name),
      output_(context.loop, *context.keeper, log_, service_.name),
      processes_(context.loop, *context.keeper, service_.name,
                 [this](pid_t pid, const absl::Status& status) {
                   OnStarted(pid, status);
                 }),
      socket_watch_(context.loop, [this] { Apply(machine_.OnConnection()); }),
      idle_watch_(context.loop.loop(),
                  [this] { Apply(machine_.OnIdle(Now())); }),
      alarm_(context.loop.loop()) {}

absl::Status ServiceSupervisor::Begin() {
  absl::Status status = sockets_.Open(service_.sockets);
  if (!status.ok()) return status;
  Apply(machine_.Begin());
  return absl::OkStatus();
}

void ServiceSupervisor::Restore(const v1::ServiceRecord& record) {
  machine_.Restore(record);
  history_.Restore(record);
  was_reloading_ = record.is_reloading();
}

void ServiceSupervisor::RestoreProcess(const ProcessRecord& record,
                                       SharedFd pidfd) {
  machine_.RestoreProcess(record, Now());
  processes_.Adopt(record, std::move(pidfd));
}

absl::Status ServiceSupervisor::Resume() {
  absl::Status status = sockets_.Open(service_.sockets);
  if (!status.ok()) return status;
  // What is left of a reload that another host has begun: the next one does it.
  sockets_.KeepOnly(service_.sockets);
  if (was_reloading_) Apply(machine_.EndStarting(Now()));
  Apply(machine_.OnTime(Now()));
  return absl::OkStatus();
}

void ServiceSupervisor::Start(Done done) {
  if (is_removed_) return done(RemovedError());
  FinishStops(absl::AbortedError("the service was started meanwhile"));
  // Also while it is replaced.
  if (machine_.serving().has_value()) return done(absl::OkStatus());
  start_waiters_.push_back(std::move(done));
  Apply(machine_.Start());
}

void ServiceSupervisor::Stop(Done done) {
  stop_waiters_.push_back(std::move(done));
  FinishStarts(absl::AbortedError("the service was stopped meanwhile"));
  Apply(machine_.Stop(Now()));
}

void ServiceSupervisor::Restart(Done done) {
  if (is_removed_) return done(RemovedError());
  FinishStops(absl::AbortedError("the service was started meanwhile"));
  start_waiters_.push_back(std::move(done));
  Apply(machine_.Restart(Now()));
}

void ServiceSupervisor::Remove(Done done) {
  is_removed_ = true;
  Stop([this, done = std::move(done)](absl::Status status) mutable {
    output_.Close();
    store_.Clear();
    socket_watch_.Set(SocketWatch::Mode::kOff, {});
    sockets_.KeepOnly({});
    context_.keeper->Drop(absl::StrCat("service/", service_.name));
    v1::ServiceStatus removed = Status();
    removed.set_removed(true);
    context_.on_change(removed);
    done(std::move(status));
  });
}

void ServiceSupervisor::Apply(const ServiceMachine::Actions& actions) {
  for (const ServiceMachine::Action& action : actions) Do(action);
  Update();
}

void ServiceSupervisor::Do(const ServiceMachine::Action& action) {
  switch (action.what) {
    case ServiceMachine::Do::kStart:
      return StartProcess();
    case ServiceMachine::Do::kTerminate:
      return processes_.At(action.pid).Terminate();
    case ServiceMachine::Do::kListen:
      return context_.listen(action.pid);
    case ServiceMachine::Do::kAbort:
      log_.Say(absl::StrCat("the watchdog heard nothing of process ",
                            action.pid, ", which gets SIGABRT"));
      return processes_.At(action.pid).Abort();
    case ServiceMachine::Do::kAbortAsked:
      log_.Say(absl::StrCat("process ", action.pid,
                            " has said that it hangs, and gets SIGABRT"));
      return processes_.At(action.pid).Abort();
    case ServiceMachine::Do::kKill:
      log_.Say(absl::StrCat("process ", action.pid,
                            " took too long, and is killed"));
      return processes_.At(action.pid).Kill();
    case ServiceMachine::Do::kReportReady:
      return FinishStarts(absl::OkStatus());
    case ServiceMachine::Do::kReportFailure:
      return FinishStarts(history_.TakeStartError());
  }
}

std::vector<PassedDescriptor> ServiceSupervisor::Passed() const {
  std::vector<PassedDescriptor> passed = sockets_.PassedFor(service_.sockets);
  for (PassedDescriptor& stored : store_.Passed()) {
    passed.push_back(std::move(stored));
  }
  return passed;
}

void ServiceSupervisor::StartProcess() {
  const absl::StatusOr<HostedProcess*> process =
      processes_.Start(service_, Passed(), context_.environment);
  history_.OnFork(process.status());
  if (!process.ok()) {
    log_.Say(history_.last_end());
    return Apply(machine_.NotStarted(Now()));
  }
  const pid_t pid = (*process)->pid();
  machine_.Started(pid, Now());
  output_.Add(absl::StrCat(pid, "-", (*process)->record().started_ms()), pid,
              SharedFd((*process)->TakeOutput()));
}

void ServiceSupervisor::OnStarted(pid_t pid, const absl::Status& status) {
  if (!status.ok()) {
    // Its end follows.
    history_.OnNotStarted(status);
    log_.Say(std::string(status.message()));
    return;
  }
  log_.Say(absl::StrCat("process ", pid, " has started"));
  if (service_.config.readiness() == ServiceConfig::READINESS_STARTED) {
    Apply(machine_.OnReady(pid, Now()));
  }
}

void ServiceSupervisor::OnEnd(const v1::Event::Ended& ended) {
  const pid_t pid = ended.pid();
  if (!processes_.HasEnded(pid)) return;
  // What is left of its group.
  processes_.At(pid).Kill();
  output_.ReadAllOf(pid);
  const auto& known = machine_.processes();
  const auto process = known.find(pid);
  history_.OnEnd(ended, process == known.end() ? nullptr : &process->second,
                 known.size() <= 1, service_.start_timeout);
  log_.Say(absl::StrCat("process ", pid, " ", EndText(ended)));
  processes_.Forget(pid);
  const bool is_clean = ended.signal() == 0 && ended.exit_code() == 0;
  Apply(machine_.OnEnd(pid, is_clean, Now()));
}

void ServiceSupervisor::OnNotification(NotifySocket::Message message) {
  const pid_t pid = message.pid;
  const Notification said = ParseNotification(message.text);
  if (!processes_.Has(pid)) return;
  if (said.status.has_value()) {
    processes_.At(pid).record().set_status_text(*said.status);
  }
  StoreFiles(said, std::move(message));
  if (said.is_ready &&
      service_.config.readiness() == ServiceConfig::READINESS_NOTIFY) {
    Apply(machine_.OnReady(pid, Now()));
  }
  if (said.is_alive) machine_.OnAlive(pid, Now());
  if (said.hangs) Apply(machine_.OnHang(pid, Now()));
  if (said.is_stopping) Apply(machine_.OnStopping(pid, Now()));
  Update();
}

void ServiceSupervisor::OnListened(pid_t pid) {
  machine_.OnListened(pid, Now());
  Update();
}

void ServiceSupervisor::StoreFiles(const Notification& said,
                                   NotifySocket::Message message) {
  if (said.removes) store_.Remove(said.name);
  if (said.stores && message.lost_files) {
    log_.Say(
        "descriptors were not stored, as the host could not take all of them: "
        "it may have no free one, and needs a higher limit of open files");
  }
  for (UniqueFd& file : message.files) {
    // A part of what belongs together would mislead the next process.
    if (!said.stores || message.lost_files) {
      CloseInBackground(std::move(file));
    } else if (!store_.Add(said.name, std::move(file),
                           service_.config.max_stored_descriptors())) {
      log_.Say(absl::StrCat("a descriptor was not stored, as there are ",
                            store_.size(), " (max_stored_descriptors)"));
    }
  }
}

void ServiceSupervisor::FinishStarts(const absl::Status& status) {
  for (Done& done : std::exchange(start_waiters_, {})) done(status);
}

void ServiceSupervisor::Reload(HostedService service, Reloaded done) {
  if (is_removed_) return done(RemovedError());
  const bool is_same = IsSame(service.config, service_.config);
  const auto serving = machine_.serving();
  const bool has_new_program =
      serving.has_value() &&
      !IsSame(IdentifyProgram(service.process.program),
              processes_.At(*serving).record().program());
  if (is_same && !has_new_program)
    return done(v1::ReloadReply::Outcome::CHANGE_NONE);
  if (absl::Status open = sockets_.Open(service.sockets); !open.ok()) {
    return done(open);
  }
  const bool starts_differently =
      service.config.start() != service_.config.start();
  reloading_ = {std::exchange(service_, std::move(service)), std::move(done)};
  machine_.SetRules(RulesOf(service_));
  idle_watch_.Stop();
  if (serving.has_value() || machine_.starting().has_value()) {
    return Restart(
        [this](const absl::Status& status) { FinishReload(status); });
  }
  FinishReload(absl::OkStatus());
  const bool was_stopped = machine_.rest() == v1::STATE_STOPPED;
  Apply(was_stopped && !starts_differently ? ServiceMachine::Actions()
                                           : machine_.Begin());
}

void ServiceSupervisor::FinishReload(const absl::Status& status) {
  Reloading reloading = *std::move(reloading_);
  reloading_.reset();
  // The process that serves has the former configuration.
  if (!status.ok()) service_ = std::move(reloading.former);
  machine_.SetRules(RulesOf(service_));
  log_.Configure(service_.log);
  socket_watch_.Set(SocketWatch::Mode::kOff, {});
  sockets_.KeepOnly(service_.sockets);
  if (!status.ok()) return reloading.done(status);
  reloading.done(v1::ReloadReply::Outcome::CHANGE_REPLACED);
}

void ServiceSupervisor::EndCalls() {
  const absl::Status status = absl::UnavailableError("the host is replaced");
  FinishStarts(status);
  FinishStops(status);
}

void ServiceSupervisor::FinishStops(const absl::Status& status) {
  for (Done& done : std::exchange(stop_waiters_, {})) done(status);
}

void ServiceSupervisor::Update() {
  UpdateWatches();
  SetAlarm();
  Save();
  const v1::ServiceStatus status = Status();
  std::string serialized = status.SerializeAsString();
  if (told_ != serialized) {
    told_ = std::move(serialized);
    context_.on_change(status);
  }
  if (machine_.state() == v1::STATE_STOPPED && processes_.empty()) {
    FinishStops(absl::OkStatus());
  }
}

void ServiceSupervisor::UpdateWatches() {
  std::vector<int> sockets;
  for (const auto& [address, socket] : sockets_.by_address()) {
    sockets.push_back(socket.get());
  }
  using Mode = SocketWatch::Mode;
  socket_watch_.Set(machine_.awaits_connection()           ? Mode::kAwaitClient
                    : machine_.state() == v1::STATE_FAILED ? Mode::kRefuse
                                                           : Mode::kOff,
                    sockets);
  if (machine_.state() != v1::STATE_RUNNING) {
    idle_watch_.Stop();
  } else if (!idle_watch_.is_on()) {
    idle_watch_.Start(service_.idle_timeout, sockets_.Names());
  }
}

void ServiceSupervisor::SetAlarm() {
  const absl::Time next = machine_.next_deadline();
  if (next == absl::InfiniteFuture()) return alarm_.Cancel();
  alarm_.Set(next - Now(), [this](bool rang) {
    if (rang) Apply(machine_.OnTime(Now()));
  });
}

void ServiceSupervisor::Save() {
  v1::ServiceRecord record;
  record.set_file(service_.file);
  *record.mutable_config() =
      reloading_.has_value() ? reloading_->former.config : service_.config;
  record.set_rest(machine_.rest());
  record.set_failures(machine_.failures());
  history_.SaveTo(record);
  record.set_is_reloading(reloading_.has_value());
  context_.keeper->Put(absl::StrCat("service/", service_.name),
                       record.SerializeAsString());
  processes_.Save(machine_.processes());
}

v1::ServiceStatus ServiceSupervisor::Status() const {
  v1::ServiceStatus status;
  status.set_name(service_.name);
  status.set_state(machine_.state());
  status.set_starts(history_.starts());
  status.set_failures(machine_.failures());
  status.set_last_end(history_.last_end());
  status.set_stored_descriptors(static_cast<uint32_t>(store_.size()));
  for (const HostedSocket& socket : service_.sockets) {
    status.add_addresses(socket.address);
  }
  std::optional<pid_t> pid = machine_.serving();
  if (!pid.has_value()) pid = machine_.starting();
  if (!pid.has_value()) return status;
  const v1::ProcessRecord& process = processes_.At(*pid).record();
  status.set_pid(*pid);
  status.set_started_ms(process.started_ms());
  status.set_status_text(process.status_text());
  return status;
}

}  // namespace fdrpc::host
