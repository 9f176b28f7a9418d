#include "server/listeners.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/time/time.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

// How many connections are accepted before others get their turn.
constexpr int kMostAccepted = 16;
constexpr absl::Duration kAcceptPause = absl::Milliseconds(50);

}  // namespace

absl::Status Listeners::Add(SocketListener listener, const Watcher& watcher) {
  std::shared_ptr<AnswerSocket> pair;
  if (listener.is_pair()) {
    absl::StatusOr<UniqueFd> another = listener.Duplicate();
    if (!another.ok()) return another.status();
    pair = std::make_shared<AnswerSocket>(*std::move(another), owner_,
                                          DescriptorFlight::Receivers::kOne);
  }
  if (listener.receives_datagrams() && calls_ != nullptr) {
    absl::Status ready = calls_->Open();
    if (!ready.ok()) return ready;
  }
  MutexLock lock(mu_);
  reactor_ = watcher.reactor;
  const absl::StatusOr<uint64_t> token =
      reactor_->Watch(listener.fd(), watcher.source);
  if (!token.ok()) return token.status();
  listening_.push_back({std::move(listener), *token});
  BoundListener& last = listening_.back();
  const SocketFile& file = last.listener.file();
  last.socket_entry = {last.listener.fd(), owner_};
  last.file_entries[0] = {file.directory_fd(), owner_};
  last.file_entries[1] = {file.lock_fd(), owner_};
  last.pair = std::move(pair);
  return absl::OkStatus();
}

absl::Status Listeners::MoveTo(const Watcher& watcher) {
  MutexLock lock(mu_);
  reactor_ = watcher.reactor;
  absl::Status moved;
  for (BoundListener& listening : listening_) {
    const absl::StatusOr<uint64_t> token =
        reactor_->Watch(listening.listener.fd(), watcher.source);
    listening.token = token.value_or(0);
    moved.Update(token.status());
  }
  return moved;
}

Listeners::BoundListener* Listeners::Find(uint64_t token) {
  const auto found =
      std::ranges::find(listening_, token, &BoundListener::token);
  return found == listening_.end() ? nullptr : &*found;
}

bool Listeners::empty() const {
  MutexLock lock(mu_);
  return listening_.empty();
}

void Listeners::Accept(uint64_t token,
                       absl::FunctionRef<void(UniqueFd, int)> adopt) {
  for (int i = 0; i < kMostAccepted; ++i) {
    SocketListener::AcceptResult accepted;
    ReceivedDatagram datagram;
    std::shared_ptr<AnswerSocket> pair;
    int type = 0;
    {
      MutexLock lock(mu_);
      BoundListener* const bound = Find(token);
      if (bound == nullptr) return;
      const SocketListener& listener = bound->listener;
      accepted = listener.receives_datagrams()
                     ? listener.Accept(DatagramBuffer(), datagram)
                     : listener.Accept();
      type = listener.accepted_type();
      if (accepted.error == EAGAIN) return;
      if (accepted.error == ECONNABORTED) continue;
      // EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection waits in the queue.
      if (accepted.error != 0 && accepted.error != EBADMSG) {
        return Pause(*bound);
      }
      pair = bound->pair;
    }
    if (accepted.error == 0) {
      adopt(std::move(accepted.socket), type);
      continue;
    }
    const bool has_descriptors = !datagram.set.fds.empty();
    TakeCall(datagram, std::move(pair));
    if (MayReceive()) {
      // Those that are dropped count for their sender before it sends more.
      if (has_descriptors) return;
      continue;
    }
    MutexLock lock(mu_);
    if (BoundListener* const bound = Find(token)) Pause(*bound);
    return;
  }
}

absl::Span<char> Listeners::DatagramBuffer() {
  if (datagram_buffer_ == nullptr) {
    datagram_buffer_ = std::make_unique_for_overwrite<char[]>(kMaxPacketBytes);
  }
  return {datagram_buffer_.get(), kMaxPacketBytes};
}

void Listeners::TakeCall(ReceivedDatagram& datagram,
                         std::shared_ptr<AnswerSocket> pair) {
  if (calls_ != nullptr &&
      calls_->Take(datagram, std::move(pair), host_.lock())) {
    ++calls_taken_;
    return;
  }
  MutexLock lock(mu_);
  ++refused_knocks_;
}

void Listeners::Pause(BoundListener& paused) {
  any_paused_ = true;
  paused.paused_until = DeadlineAfter(clock_.Now(), kAcceptPause);
  // If this fails, there is no pause, and the next attempt follows at once.
  (void)reactor_->Change(paused.listener.fd(), paused.token,
                         {.readable = false});
  waker_.WakeBy(paused.paused_until);
}

void Listeners::Resume(MonotonicTime now) {
  if (!std::exchange(any_paused_, false)) return;
  MutexLock lock(mu_);
  for (BoundListener& paused : listening_) {
    if (paused.paused_until == MonotonicTime::min() ||
        paused.paused_until > now) {
      any_paused_ |= paused.paused_until != MonotonicTime::min();
      continue;
    }
    if (paused.listener.receives_datagrams() && !MayReceive()) {
      paused.paused_until = DeadlineAfter(now, kAcceptPause);
      any_paused_ = true;
      continue;
    }
    const bool resumed =
        reactor_->Change(paused.listener.fd(), paused.token, {}).ok();
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
    // Its client has nobody else to call.
    if (listening.listener.is_pair()) continue;
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

std::vector<Listeners::BoundListener> Listeners::Unlisten() {
  MutexLock lock(mu_);
  closed_ = true;
  for (const BoundListener& listening : listening_) {
    reactor_->Unwatch(listening.listener.fd(), listening.token);
  }
  return std::exchange(listening_, {});
}

void Listeners::TakeWaiting(const std::vector<BoundListener>& closed) {
  for (const BoundListener& listening : closed) {
    if (!listening.listener.EndReceiving()) continue;
    // Without a connection, their clients would not learn that they are lost.
    while (true) {
      ReceivedDatagram datagram;
      const int error =
          listening.listener.Accept(DatagramBuffer(), datagram).error;
      if (error == EBADMSG) {
        TakeCall(datagram, listening.pair);
      } else if (error != 0 && datagram.bytes.empty()) {
        break;  // otherwise a knock was received, but not its socket (EMFILE)
      }
    }
  }
}

}  // namespace fdrpc
