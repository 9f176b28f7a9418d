#include "services/host/host_process.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/host/listening_socket.h"

namespace fdrpc::host {
namespace {

// Keys of entries with the keeper. Those of services are elsewhere.
constexpr char kNotifyKey[] = "notify";
constexpr char kControlKey[] = "control";
constexpr char kBegunKey[] = "begun";

const KeptEntry* FindEntry(const std::vector<KeptEntry>& entries,
                           const std::string& key) {
  const auto found =
      std::find_if(entries.begin(), entries.end(),
                   [&key](const KeptEntry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

}  // namespace

HostProcess::HostProcess(process::EventLoop& loop, HostSettings settings)
    : loop_(loop),
      settings_(std::move(settings)),
      context_{.loop = loop, .keeper = nullptr},
      server_({.drain_timeout = absl::Seconds(1)}) {}

absl::Status HostProcess::Run() {
  result_ = Prepare();
  if (result_.ok()) {
    loop_.Run();
    server_.Shutdown();
    // The server waits for its calls.
    services_->ForEach([](ServiceSupervisor& service) { service.EndCalls(); });
    server_.Wait();
  }
  if (keeper_ != nullptr) keeper_->Close(loop_);
  return result_;
}

absl::Status HostProcess::Prepare() {
  // Before a server raises it.
  getrlimit(RLIMIT_NOFILE, &context_.environment.open_files);
  // A process may be dead that is told to run.
  signal(SIGPIPE, SIG_IGN);
  absl::StatusOr<std::unique_ptr<KeeperLink>> keeper =
      KeeperLink::Connect(settings_.keeper, loop_.loop());
  if (!keeper.ok()) return keeper.status();
  keeper_ = *std::move(keeper);
  const absl::StatusOr<std::vector<KeptEntry>> entries = keeper_->Take();
  if (!entries.ok()) return entries.status();
  absl::Status status = OpenNotifySocket(*entries);
  if (!status.ok()) return status;
  context_.keeper = keeper_.get();
  context_.environment.notify_address = notify_->address();
  context_.log_directory = settings_.log_directory;
  context_.on_change = [this](const v1::ServiceStatus& service) {
    service_->Tell(service);
  };
  context_.listen = [this](pid_t pid) { ListenFor(pid); };
  services_.emplace(context_, settings_.config);
  service_.emplace(*services_, [this] { Upgrade(); });
  services_->Restore(*entries);
  if (FindEntry(*entries, kBegunKey) == nullptr) {
    status = services_->Begin();
    if (!status.ok()) return status;
  }
  return Serve(*entries);
}

absl::Status HostProcess::OpenNotifySocket(
    const std::vector<KeptEntry>& entries) {
  const KeptEntry* const kept = FindEntry(entries, kNotifyKey);
  absl::StatusOr<NotifySocket> socket =
      kept != nullptr ? NotifySocket::Adopt(kept->file) : NotifySocket::Open();
  if (!socket.ok()) return socket.status();
  notify_ = *std::move(socket);
  if (kept == nullptr) keeper_->Put(kNotifyKey, "", notify_->fd());
  return absl::OkStatus();
}

absl::Status HostProcess::Serve(const std::vector<KeptEntry>& entries) {
  const KeptEntry* const kept = FindEntry(entries, kControlKey);
  if (kept != nullptr) {
    control_ = kept->file;
  } else {
    absl::StatusOr<SharedFd> opened = OpenListeningSocket(
        settings_.control, settings_.control.find(":@") != std::string::npos
                               ? ListenOptions()
                               : ListenOptions{.mode = settings_.socket_mode});
    if (!opened.ok()) {
      services_->CloseSockets();
      return opened.status();
    }
    control_ = *std::move(opened);
    keeper_->Put(kControlKey, "", control_);
  }
  keeper_->Put(kBegunKey, "");
  server_.AddService(*service_);
  UniqueFd listener(fcntl(control_.get(), F_DUPFD_CLOEXEC, 0));
  if (!listener.ok()) return absl::ErrnoToStatus(errno, "fcntl");
  absl::Status status = server_.Listen(std::move(listener));
  if (status.ok()) status = server_.Start(loop_.loop());
  if (!status.ok()) return status;
  reader_.emplace(
      loop_, *keeper_, *notify_,
      [this](NotifySocket::Message message) { OnMessage(std::move(message)); });
  status = reader_->Begin();
  if (!status.ok()) return status;
  keeper_->Watch([this](const v1::Event& event) { OnEvent(event); },
                 [this] { OnKeeperLost(); });
  keeper_->SayServing();
  return absl::OkStatus();
}

void HostProcess::OnMessage(NotifySocket::Message message) {
  ServiceSupervisor* const service = services_->FindByProcess(message.pid);
  if (service == nullptr) {
    // Anybody can send.
    for (UniqueFd& file : message.files) CloseInBackground(std::move(file));
    return;
  }
  service->OnNotification(std::move(message));
}

void HostProcess::ListenFor(pid_t pid) {
  // As this is asked while services are restored, too.
  Loop(loop_.loop()).Post([this, pid] {
    reader_->OnceEmpty([this, pid] {
      ServiceSupervisor* const service = services_->FindByProcess(pid);
      if (service != nullptr) service->OnListened(pid);
    });
  });
}

void HostProcess::OnEvent(const v1::Event& event) {
  if (!event.has_ended()) return OnCommand(event);
  // What it has said before its end comes first.
  reader_->AfterPresent([this, event] {
    ServiceSupervisor* const service =
        services_->FindByProcess(event.ended().pid());
    if (service != nullptr) service->OnEnd(event.ended());
    keeper_->Acknowledge(event.number());
  });
}

void HostProcess::OnCommand(const v1::Event& event) {
  // It follows the command to stop.
  if (event.command() == v1::Event::COMMAND_STOP_NOW) {
    return services_->KillAll();
  }
  // What else comes after that is too late.
  if (is_stopping_) return keeper_->Acknowledge(event.number());
  switch (event.command()) {
    case v1::Event::COMMAND_STOP:
      return EndAll();
    case v1::Event::COMMAND_RELOAD:
      return Reload(event.number());
    case v1::Event::COMMAND_UPGRADE:
      keeper_->Acknowledge(event.number());
      return Upgrade();
    default:
      return keeper_->Acknowledge(event.number());
  }
}

void HostProcess::Reload(uint64_t command) {
  services_->Reload(
      [this, command](const absl::StatusOr<v1::ReloadReply>& reply) {
        // If this host ends before, the next one reloads.
        keeper_->Acknowledge(command);
        // Those who have waited for the same one are called one after the
        // other.
        if (std::exchange(has_reported_reload_, true)) return;
        Loop(loop_.loop()).Post([this] { has_reported_reload_ = false; });
        if (!reply.ok()) {
          std::cerr << absl::StrCat(
              "fdrpc-host: reload: ", reply.status().message(), "\n");
          return;
        }
        for (const v1::ReloadReply::Outcome& outcome : reply->outcomes()) {
          if (outcome.change() != v1::ReloadReply::Outcome::CHANGE_FAILED)
            continue;
          std::cerr << absl::StrCat("fdrpc-host: reload: ", outcome.name(),
                                    ": ", outcome.error(), "\n");
        }
      });
}

void HostProcess::Upgrade() {
  keeper_->Sync([this](const absl::Status&) { End(absl::OkStatus()); });
}

void HostProcess::EndAll() {
  is_stopping_ = true;
  service_->BeginToStop();
  services_->RemoveAll([this] {
    if (absl::Status removed = RemoveSocketFile(control_); !removed.ok()) {
      std::cerr << absl::StrCat("fdrpc-host: the file of ", settings_.control,
                                ": ", removed.message(), "\n");
    }
    End(absl::OkStatus());
  });
}

void HostProcess::OnKeeperLost() {
  services_->KillAll();
  services_->CloseSockets();
  (void)RemoveSocketFile(control_);
  End(absl::UnavailableError(
      "the keeper is gone: all services are ended, too"));
}

void HostProcess::End(absl::Status status) {
  result_ = std::move(status);
  loop_.Stop();
}

absl::Status RunHostProcess(HostSettings settings) {
  absl::StatusOr<process::EventLoop> loop = process::EventLoop::Create();
  if (!loop.ok()) return loop.status();
  return HostProcess(*loop, std::move(settings)).Run();
}

}  // namespace fdrpc::host
