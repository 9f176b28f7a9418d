#include "services/gateway/signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <utility>

#include "absl/status/status.h"
#include "services/gateway/start_thread.h"

namespace fdrpc::gateway {
namespace {

sigset_t TakenSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    sigaddset(&signals, signal);
  }
  return signals;
}

[[noreturn]] void EndAsByDefault(int signal) {
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signal);
  ::signal(signal, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  raise(signal);
  // Process 1 of a container is not ended by that. A shell's status for it:
  _exit(128 + signal);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Signals>> Signals::Take() {
  const sigset_t signals = TakenSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::unique_ptr<Signals> taken(new Signals());
  absl::StatusOr<std::thread> thread =
      StartThread([self = taken.get()] { self->Receive(); });
  if (!thread.ok()) return thread.status();
  taken->thread_ = *std::move(thread);
  return taken;
}

Signals::~Signals() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mu_);
    ended_ = true;
  }
  pthread_kill(thread_.native_handle(), SIGHUP);
  thread_.join();
}

void Signals::BeginServing() {
  const std::lock_guard lock(mu_);
  serves_ = true;
}

bool Signals::AwaitReload() {
  std::unique_lock lock(mu_);
  changed_.wait(lock, [&] { return has_reload_ || stop_.stop_requested(); });
  return !stop_.stop_requested() && std::exchange(has_reload_, false);
}

void Signals::Receive() {
  const sigset_t signals = TakenSignals();
  int received = 0;
  while (sigwait(&signals, &received) == 0) {
    {
      const std::lock_guard lock(mu_);
      if (ended_) return;
      if (received == SIGHUP) {
        has_reload_ = true;
      } else if (!serves_) {
        EndAsByDefault(received);
      }
    }
    // Outside the lock: it cancels a call.
    if (received != SIGHUP) stop_.request_stop();
    // Whoever waits has looked at neither, or sees both.
    const std::lock_guard lock(mu_);
    changed_.notify_all();
  }
}

}  // namespace fdrpc::gateway
