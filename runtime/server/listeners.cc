#include "server/listeners.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/time/time.h"

namespace fdrpc {
namespace {

// How many connections are accepted before others get their turn.
constexpr int kMostAccepted = 16;
constexpr absl::Duration kAcceptPause = absl::Milliseconds(50);

}  // namespace

absl::Status Listeners::Add(SocketListener listener, Poller& poller) {
  MutexLock lock(mu_);
  poller_ = &poller;
  absl::Status added =
      poller_->Add(listener.fd(), first_token_ + listening_.size(), {});
  if (!added.ok()) return added;
  listening_.push_back({std::move(listener)});
  BoundListener& last = listening_.back();
  const SocketFile& file = last.listener.file();
  last.socket_entry = {last.listener.fd(), owner_};
  last.file_entries[0] = {file.directory_fd(), owner_};
  last.file_entries[1] = {file.lock_fd(), owner_};
  return added;
}

bool Listeners::empty() const {
  MutexLock lock(mu_);
  return listening_.empty();
}

void Listeners::Accept(uint64_t token,
                       absl::FunctionRef<void(UniqueFd, int)> adopt) {
  for (int i = 0; i < kMostAccepted; ++i) {
    SocketListener::AcceptResult accepted;
    int type = 0;
    {
      MutexLock lock(mu_);
      const size_t index = token - first_token_;
      if (index >= listening_.size()) return;
      const SocketListener& listener = listening_[index].listener;
      accepted = listener.Accept();
      type = listener.accepted_type();
      if (accepted.error == EAGAIN) return;
      if (accepted.error == ECONNABORTED) continue;
      if (accepted.error == EBADMSG) {
        ++refused_knocks_;
        continue;
      }
      // EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection waits in the queue.
      if (accepted.error != 0) return Pause(index);
    }
    adopt(std::move(accepted.socket), type);
  }
}

void Listeners::Pause(size_t index) {
  BoundListener& paused = listening_[index];
  any_paused_ = true;
  paused.paused_until = DeadlineAfter(clock_.Now(), kAcceptPause);
  // If this fails, there is no pause, and the next attempt follows at once.
  (void)poller_->Change(paused.listener.fd(), first_token_ + index,
                        {.readable = false});
}

void Listeners::Resume(MonotonicTime now) {
  if (!std::exchange(any_paused_, false)) return;
  MutexLock lock(mu_);
  for (size_t i = 0; i < listening_.size(); ++i) {
    BoundListener& paused = listening_[i];
    if (paused.paused_until == MonotonicTime::min() ||
        paused.paused_until > now) {
      any_paused_ |= paused.paused_until != MonotonicTime::min();
      continue;
    }
    const bool resumed =
        poller_->Change(paused.listener.fd(), first_token_ + i, {}).ok();
    paused.paused_until =
        resumed ? MonotonicTime::min() : DeadlineAfter(now, kAcceptPause);
    any_paused_ |= !resumed;
  }
}

MonotonicTime Listeners::next_resume() const {
  if (!any_paused_) return kNoDeadline;
  MutexLock lock(mu_);
  MonotonicTime next = kNoDeadline;
  for (const BoundListener& listening : listening_) {
    if (listening.paused_until != MonotonicTime::min()) {
      next = std::min(next, listening.paused_until);
    }
  }
  return next;
}

absl::StatusOr<std::vector<UniqueFd>> Listeners::HandOver() {
  MutexLock lock(mu_);
  if (closed_) {
    return absl::FailedPreconditionError(
        "the server shuts down; its listening sockets are closed");
  }
  std::vector<UniqueFd> handed_over;
  for (BoundListener& listening : listening_) {
    absl::StatusOr<UniqueFd> another = listening.listener.Duplicate();
    if (!another.ok()) return another.status();
    handed_over.push_back(*std::move(another));
  }
  for (BoundListener& listening : listening_) {
    listening.file_entries = {};
    listening.listener.LeaveFile();
  }
  return handed_over;
}

void Listeners::Close() {
  std::vector<BoundListener> closed;
  MutexLock lock(mu_);
  closed_ = true;
  for (const BoundListener& listening : listening_) {
    poller_->Remove(listening.listener.fd());
  }
  closed.swap(listening_);
}

}  // namespace fdrpc
