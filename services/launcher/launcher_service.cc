#include "services/launcher/launcher_service.h"

#include <csignal>
#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "fdrpc/alarm.h"
#include "services/launcher/event_stream.h"
#include "services/launcher/launch_request.h"

namespace fdrpc::launcher {

// Of one user.
struct LauncherService::Watches {
  size_t count = 0;
};

class LauncherService::Ending {
 public:
  Ending() = default;
  ~Ending() {
    if (watches_ != nullptr) --watches_->count;
  }
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

  void CountAsWatch(std::shared_ptr<Watches> watches) {
    watches_ = std::move(watches);
    ++watches_->count;
  }
  // The functions run on the loop's thread, possibly at once.
  void OnCancellation(ServerContext& context, std::function<void()> function) {
    cancelled_.emplace(context.cancellation(), std::move(function));
  }
  // Which a client that does nothing at the moment does not report.
  void OnDeadline(const Loop& loop, ServerContext& context,
                  std::function<void()> function) {
    if (context.time_remaining() == absl::InfiniteDuration()) return;
    deadline_.emplace(loop);
    deadline_->Set(context.time_remaining(),
                   [function = std::move(function)](bool rang) {
                     if (rang) function();
                   });
  }
  void OnDraining(ServerContext& context, std::function<void()> function) {
    draining_.emplace(context.draining(), std::move(function));
  }

 private:
  using Callback = std::stop_callback<std::function<void()>>;

  std::shared_ptr<Watches> watches_;  // null: not a watch
  std::optional<Callback> cancelled_;
  std::optional<Callback> draining_;
  std::optional<Alarm> deadline_;
};

template <typename Call>
absl::StatusOr<uint64_t> LauncherService::Start(
    Call& call, bool dies_with_parent, LaunchedProcesses::Started started) {
  // Closed when this returns: the end of a pipe, for example, must be the
  // process's alone.
  const Parcel<v1::LaunchRequest> request = std::move(call.request());
  const PeerCredentials& caller = call.context().peer();
  absl::StatusOr<process::ProcessSpec> spec =
      SpecFor(request, caller, policy_, options_.open_files);
  if (!spec.ok()) return spec.status();
  spec->dies_with_parent = dies_with_parent;
  return processes_.Start(*std::move(spec), caller.uid, std::move(started));
}

void LauncherService::Launch(v1::Launcher::LaunchCall call) {
  const auto id = std::make_shared<uint64_t>(0);
  const auto ending = std::make_shared<Ending>();
  absl::StatusOr<uint64_t> started =
      Start(call, /*dies_with_parent=*/false,
            [this, call, id, ending](const absl::Status& status) mutable {
              if (!status.ok()) return call.Finish(status);
              const std::optional<LaunchedProcesses::Running> process =
                  processes_.Find(*id);
              Parcel<v1::LaunchReply> reply;
              reply->set_id(*id);
              reply->set_pid(process->pid);
              reply.set_pidfd(process->pidfd);
              call.Finish(std::move(reply));
            });
  if (!started.ok()) return call.Finish(started.status());
  *id = *started;
  // Before it runs. Later there is no such call.
  ending->OnCancellation(call.context(), [this, id = *started] {
    processes_.SignalGroup(id, SIGKILL);
  });
}

void LauncherService::Run(v1::Launcher::RunCall call) {
  const auto id = std::make_shared<uint64_t>(0);
  const auto ending = std::make_shared<Ending>();
  const std::shared_ptr<EventStream> stream = EventStream::Of(call, ending);
  absl::StatusOr<uint64_t> started =
      Start(call, /*dies_with_parent=*/true,
            [this, id, stream](const absl::Status& status) {
              if (!status.ok()) return stream->Finish(status);
              processes_.AddStream(*id, stream);
            });
  if (!started.ok()) return stream->Finish(started.status());
  *id = *started;
  const auto signal = [this, id = *started](int number) {
    return [this, id, number] { processes_.SignalGroup(id, number); };
  };
  ending->OnCancellation(call.context(), signal(SIGKILL));
  ending->OnDeadline(loop_, call.context(), signal(SIGKILL));
  ending->OnDraining(call.context(), signal(SIGTERM));
}

void LauncherService::Watch(v1::Launcher::WatchCall call) {
  const uint64_t id = call.request().id();
  const std::optional<uid_t> owner = processes_.OwnerOf(id);
  if (!owner.has_value()) {
    return call.Finish(absl::NotFoundError(absl::StrCat(
        "no process has the id ", id,
        ": this launcher has not started it, or it ended long ago")));
  }
  if (absl::Status may = policy_.MayWatch(call.context().peer(), *owner);
      !may.ok()) {
    return call.Finish(may);
  }
  const uid_t user = call.context().peer().uid;
  std::shared_ptr<Watches>& watches = watches_[user];
  if (watches == nullptr) watches = std::make_shared<Watches>();
  if (watches->count >= options_.processes.max_running_per_user) {
    return call.Finish(absl::ResourceExhaustedError(
        absl::StrCat("user ", user, " has ", watches->count,
                     " watches, which is the limit, as of processes; end one "
                     "first, or give the launcher a larger --max-processes")));
  }
  const auto ending = std::make_shared<Ending>();
  ending->CountAsWatch(watches);
  const std::shared_ptr<EventStream> stream = EventStream::Of(call, ending);
  processes_.AddStream(id, stream);
  ending->OnCancellation(call.context(),
                         [this, id, weak = std::weak_ptr(stream)] {
                           if (const auto ended = weak.lock())
                             processes_.RemoveStream(id, ended);
                         });
  ending->OnDraining(call.context(), [this, id, weak = std::weak_ptr(stream)] {
    const auto ended = weak.lock();
    if (ended == nullptr) return;
    processes_.RemoveStream(id, ended);
    ended->Finish(
        absl::UnavailableError("the launcher ends; the process goes on"));
  });
}

}  // namespace fdrpc::launcher
