#include "client/connection_reader.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "connection/frame_builder.h"
#include "os/background_close.h"
#include "os/wait_ready.h"

namespace fdrpc {
namespace {

// How much a loop reads of one connection before others get their turn.
constexpr int kMostReads = 16;

}  // namespace

ConnectionReader::ConnectionReader(
    Connection& connection, BatchedWriter& writer, const PendingCalls& calls,
    ChannelMutex& mutex, const Clock& clock, WaitingThreads threads,
    const KeepAlive& keep_alive, absl::Duration max_busy_poll)
    : connection_(connection),
      writer_(writer),
      calls_(calls),
      mutex_(mutex),
      clock_(clock),
      threads_(std::move(threads)),
      keep_alive_(keep_alive),
      busy_poll_(max_busy_poll),
      parked_poll_(max_busy_poll, BusyPoll::Yielding::kYes) {}

ConnectionReader::~ConnectionReader() {
  if (loop_ != nullptr) {
    loop_->Unwatch(connection_.pollable_fd(), loop_token_);
  }
}

void ConnectionReader::WaitOnce(WaitingThread& thread, MonotonicTime deadline,
                                ChannelLock& lock) {
  assert(lock.Holds(mutex_));
  if (!threads_.has_reader() && !loop_reads_) {
    threads_.BeginReading(thread);
    const KeepAlive::Action action = CheckServer();
    deadline = std::min(deadline, keep_alive_.next());
    lock.Unlock();
    writer_.FlushPutOff();
    if (action == KeepAlive::Action::kPing) connection_.Flush();
    const bool received = SleepAndRead(deadline);
    if (action == KeepAlive::Action::kGiveUp && !received) GiveUp();
    lock.Relock();
    threads_.EndReading();
  } else {
    threads_.Park(thread);
    const MonotonicTime began = clock_.Now();
    // If polling does not pay for the reader, it does not pay for the others.
    const BusyPoll::Wait wait =
        busy_poll_.rests() ? BusyPoll::Wait{.began = began, .until = began}
                           : parked_poll_.Begin(began);
    lock.Unlock();
    writer_.FlushPutOff();
    const bool woken =
        thread.parker.Park(clock_.SleepUntil(deadline),
                           wait.polls() ? wait.until : MonotonicTime());
    const MonotonicTime now = clock_.Now();
    lock.Relock();
    if (woken) parked_poll_.OnArrival(wait, now);
    threads_.Unpark(thread);
  }
}

bool ConnectionReader::PollAndRead(const BusyPoll::Wait& wait,
                                   MonotonicTime deadline) {
  MonotonicTime now = wait.began;
  const MonotonicTime until = std::min(wait.until, deadline);
  auto came = BusyPoll::Arrival::kBefore;
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
    came = BusyPoll::Arrival::kLater;
  }
  return false;
}

bool ConnectionReader::SleepAndRead(MonotonicTime deadline) {
  const BusyPoll::Wait wait = busy_poll_.Begin(clock_.Now());
  if (PollAndRead(wait, deadline)) return true;
  // Whoever gives the server up has looked at the socket before.
  if (!threads_.BeginSleep()) return Read();
  const bool write_blocked = connection_.write_blocked();
  threads_.EndSleep(WaitReady(connection_.pollable_fd(), write_blocked,
                              threads_.wakeup_fd(),
                              clock_.SleepUntil(deadline)));
  if (write_blocked) connection_.OnWritable();
  const size_t frames = connection_.frames_read();
  const bool received = Read();
  if (received) {
    busy_poll_.OnArrival(wait, clock_.Now(), BusyPoll::Arrival::kLater,
                         connection_.frames_read() - frames);
  }
  return received;
}

bool ConnectionReader::Read() {
  BackgroundCloseScope closes;
  const bool received = connection_.Read();
  if (received) heard_ = true;
  return received;
}

void ConnectionReader::EndWait(ChannelLock& lock) {
  if (threads_.PassReading(lock)) return;
  if (std::exchange(loop_missed_, false)) loop_->Wake(self_);
}

void ConnectionReader::ReadWhatCame(ChannelLock& lock) {
  if (loop_ != nullptr || !calls_.empty() || has_waiting()) return;
  WaitingThread thread;
  WaitOnce(thread, MonotonicTime(), lock);
  EndWait(lock);
}

void ConnectionReader::ReadForSenders(MonotonicTime now, ChannelLock& lock) {
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

absl::Status ConnectionReader::ReadWith(std::shared_ptr<LoopCore> loop) {
  if (loop_ != nullptr) return absl::OkStatus();
  absl::StatusOr<uint64_t> token =
      loop->Watch(connection_.pollable_fd(), self_);
  if (!token.ok()) return token.status();
  loop_token_ = *token;
  writer_.BatchWith(*loop);
  loop_ = std::move(loop);
  if (connection_.write_blocked()) {
    loop_->WatchRoom(connection_.pollable_fd(), loop_token_, true);
  }
  PlanLook();
  return absl::OkStatus();
}

void ConnectionReader::OnReady(Poller::Event event) {
  {
    ChannelLock lock(mutex_);
    if (threads_.has_reader()) {
      // It is told only once; the thread passes it on.
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
      loop_->Wake(self_);
    }
    if (event.readable) action = CheckServer();
    PlanLook();
  }
  if (action == KeepAlive::Action::kPing) connection_.Flush();
  if (action == KeepAlive::Action::kGiveUp) GiveUp();
}

void ConnectionReader::OnWriteBlockedChanged(ChannelLock& lock) {
  // The reader may be waiting without watching for room.
  threads_.WakeReader();
  for (WaitingThread* writer : writers_) writer->Wake(lock);
  if (loop_ != nullptr) {
    loop_->WatchRoom(connection_.pollable_fd(), loop_token_,
                     connection_.write_blocked());
  }
}

// ---- keep-alive

KeepAlive::Action ConnectionReader::CheckServer() {
  if (!keep_alive_.on()) return KeepAlive::Action::kNone;
  const KeepAlive::Action action = keep_alive_.Check(
      clock_.Now(), std::exchange(heard_, false), !calls_.empty());
  if (action == KeepAlive::Action::kPing) {
    connection_.Enqueue(BuildControl(FrameType::kPing, 0));
  }
  return action;
}

void ConnectionReader::PlanLook() {
  if (!keep_alive_.on() || loop_ == nullptr || calls_.empty()) return;
  keep_alive_.OnCall(clock_.Now());
  // Otherwise it comes back in time, and looks.
  if (keep_alive_.next() < look_timer_.at()) {
    loop_->SetTimer(look_timer_, keep_alive_.next(), self_);
  }
}

void ConnectionReader::GiveUp() {
  absl::Status why;
  {
    ChannelLock lock(mutex_);
    keep_alive_.GiveUp();
    why = absl::UnavailableError(absl::StrCat(
        "the server hangs: it has sent nothing for ",
        absl::FormatDuration(keep_alive_.interval()),
        " and answered no ping for ",
        absl::FormatDuration(keep_alive_.timeout()), " (keep-alive)"));
  }
  connection_.Close(why);
}

}  // namespace fdrpc
