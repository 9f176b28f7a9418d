// Who reads a connection, and what it does when nothing comes: the part of
// ClientConnection with threads and loops.

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/client_connection.h"
#include "os/background_close.h"
#include "os/wait_ready.h"

namespace fdrpc {
namespace {

// What a loop reads of one connection before others get their turn.
constexpr int kMostReads = 16;

}  // namespace

void ClientConnection::WaitOnce(WaitingThread& thread, MonotonicTime deadline,
                                ChannelLock& lock) {
  assert(lock.Holds(mutex_));
  if (!threads_.has_reader() && !loop_reads_) {
    threads_.BeginReading(thread);
    const KeepAlive::Action action = LookAtServer(lock);
    deadline = std::min(deadline, keep_alive_.next());
    lock.Unlock();
    FlushPutOff();
    const bool received = SleepAndRead(deadline);
    if (action == KeepAlive::Action::kGiveUp && !received) GiveUp();
    lock.Relock();
    threads_.EndReading();
  } else {
    threads_.Park(thread);
    const MonotonicTime began = clock_.Now();
    // What the reader's polling does not pay for, theirs does not either.
    const BusyPoll::Wait wait =
        busy_poll_.rests() ? BusyPoll::Wait{.began = began, .until = began}
                           : parked_poll_.Begin(began);
    lock.Unlock();
    FlushPutOff();
    const bool woken =
        thread.parker.Park(clock_.SleepUntil(deadline),
                           wait.polls() ? wait.until : MonotonicTime());
    const MonotonicTime now = clock_.Now();
    lock.Relock();
    if (woken) parked_poll_.OnArrival(wait, now);
    threads_.Unpark(thread);
  }
}

bool ClientConnection::PollAndRead(const BusyPoll::Wait& wait,
                                   MonotonicTime deadline) {
  MonotonicTime now = wait.began;
  const MonotonicTime until = std::min(wait.until, deadline);
  auto came = BusyPoll::Came::kBefore;
  const size_t frames = connection_.frames_read();
  while (now < until && !threads_.wakeup_pending() &&
         !connection_.write_blocked()) {
    const bool received = Read();
    if (!received && threads_.others_wait()) YieldCpu();
    now = clock_.Now();
    if (received || connection_.closed()) {
      busy_poll_.OnArrival(wait, now, came, connection_.frames_read() - frames);
      return true;
    }
    came = BusyPoll::Came::kLater;
  }
  return false;
}

bool ClientConnection::SleepAndRead(MonotonicTime deadline) {
  const BusyPoll::Wait wait = busy_poll_.Begin(clock_.Now());
  if (PollAndRead(wait, deadline)) return true;
  // Who gives the server up has looked at the socket before.
  if (!threads_.BeginSleep()) return Read();
  const bool write_blocked = connection_.write_blocked();
  threads_.EndSleep(WaitReady(connection_.pollable_fd(), write_blocked,
                              threads_.wakeup_fd(),
                              clock_.SleepUntil(deadline)));
  if (write_blocked) connection_.OnWritable();
  const size_t frames = connection_.frames_read();
  const bool received = Read();
  if (received) {
    busy_poll_.OnArrival(wait, clock_.Now(), BusyPoll::Came::kLater,
                         connection_.frames_read() - frames);
  }
  return received;
}

bool ClientConnection::Read() {
  BackgroundCloses closes;
  const bool received = connection_.Read();
  if (received) heard_ = true;
  return received;
}

void ClientConnection::EndWait(ChannelLock& lock) {
  if (threads_.PassReading(lock)) return;
  if (std::exchange(loop_missed_, false)) loop_->Wake(weak_from_this());
}

bool ClientConnection::AwaitReady(MonotonicTime deadline) {
  Flush();
  WaitingThread thread;
  ChannelLock lock(mutex_);
  connectivity_->Add(thread);
  for (bool looked = false; usable_; looked = true) {
    const bool ready = server_.has_value();
    if (looked && (ready || clock_.Now() >= deadline)) break;
    WaitOnce(thread, ready ? MonotonicTime() : deadline, lock);
  }
  connectivity_->Remove(thread);
  EndWait(lock);
  return usable_ && server_.has_value();
}

void ClientConnection::ReadWhatCame(ChannelLock& lock) {
  if (!usable_ || loop_ != nullptr || has_calls() || has_waiting()) return;
  WaitingThread thread;
  WaitOnce(thread, MonotonicTime(), lock);
  EndWait(lock);
}

void ClientConnection::ReadForSenders(MonotonicTime now, ChannelLock& lock) {
  if (!ReadsForSenders(now)) return;
  read_for_sender_at_ = now;
  WaitingThread thread;
  threads_.BeginReading(thread);
  lock.Unlock();
  for (int i = 0; i < kMostReads && Read(); ++i) {
  }
  lock.Relock();
  threads_.EndReading();
  EndWait(lock);
}

absl::Status ClientConnection::ReadWith(std::shared_ptr<LoopCore> loop) {
  if (loop_ != nullptr) return absl::OkStatus();
  absl::StatusOr<uint64_t> token =
      loop->Watch(connection_.pollable_fd(), weak_from_this());
  if (!token.ok()) return token.status();
  loop_token_ = *token;
  batching_loop_.store(loop.get(), std::memory_order_release);
  loop_ = std::move(loop);
  if (connection_.write_blocked()) {
    loop_->WatchRoom(connection_.pollable_fd(), loop_token_, true);
  }
  PlanLook();
  return absl::OkStatus();
}

void ClientConnection::OnReady(Poller::Event event) {
  {
    ChannelLock lock(mutex_);
    if (threads_.has_reader()) {
      // It is told once only: the thread passes it on.
      loop_missed_ = true;
      return;
    }
    loop_reads_ = true;
  }
  if (event.writable && connection_.write_blocked()) connection_.OnWritable();
  // It is told once: it reads until there is no more, or comes back.
  bool more = event.readable;
  for (int i = 0; i < kMostReads && more; ++i) more = Read();
  KeepAlive::Action action = KeepAlive::Action::kNone;
  {
    ChannelLock lock(mutex_);
    loop_reads_ = false;
    if (threads_.PassReading(lock)) {
      loop_missed_ = loop_missed_ || more;
    } else if (more) {
      loop_->Wake(weak_from_this());
    }
    if (event.readable) action = LookAtServer(lock);
    PlanLook();
  }
  if (action == KeepAlive::Action::kGiveUp) GiveUp();
}

// Keep-alive.

KeepAlive::Action ClientConnection::LookAtServer(ChannelLock& lock) {
  if (!keep_alive_.on()) return KeepAlive::Action::kNone;
  const KeepAlive::Action action =
      keep_alive_.Look(clock_.Now(), std::exchange(heard_, false), has_calls());
  if (action == KeepAlive::Action::kPing) {
    connection_.Enqueue(BuildControl(FrameType::kPing, 0));
    FlushLater(lock);
  }
  return action;
}

void ClientConnection::PlanLook() {
  if (!keep_alive_.on() || loop_ == nullptr || !has_calls()) return;
  keep_alive_.OnCall(clock_.Now());
  // Else it comes back in time, and looks.
  if (keep_alive_.next() < look_timer_.at()) {
    loop_->SetTimer(look_timer_, keep_alive_.next(), weak_from_this());
  }
}

void ClientConnection::GiveUp() {
  absl::Status why;
  {
    ChannelLock lock(mutex_);
    // It may look at calls yet that were sent to it.
    given_up_ = true;
    why = absl::UnavailableError(absl::StrCat(
        "the server hangs: it has sent nothing for ",
        absl::FormatDuration(keep_alive_.interval()),
        " and answered no ping for ",
        absl::FormatDuration(keep_alive_.timeout()), " (keep-alive)"));
  }
  connection_.Close(why);
}

}  // namespace fdrpc
