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

// What a loop watches a connection for: changes, because a thread that waits
// for a call may be the one that reads.
Poller::Interest Interest(const Connection& connection) {
  return {.writable = connection.write_blocked(), .edge_triggered = true};
}

// How often a thread looks at memory while it polls before it reads the clock.
constexpr int kLooksPerTime = 16;

}  // namespace

ConnectionReader::ConnectionReader(
    Connection& connection, BatchedWriter& writer, const PendingCalls& calls,
    const ChannelAccount& account, ChannelMutex& mutex, const Clock& clock,
    WaitingThreads threads, const KeepAlive& keep_alive,
    absl::Duration max_busy_poll)
    : connection_(connection),
      writer_(writer),
      calls_(calls),
      account_(account),
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
    writer_.FlushDeferred();
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
    writer_.FlushDeferred();
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
  auto arrival = BusyPoll::Arrival::kBefore;
  const size_t frames = connection_.frames_read();
  while (now < until && !threads_.wakeup_pending() &&
         !connection_.write_blocked()) {
    bool received = false;
    for (int looks = 0; looks < kLooksPerTime; ++looks) {
      if (!connection_.MayReceive()) continue;
      received = Read();
      break;
    }
    if (!received && threads_.others_wait()) YieldCpu();
    now = clock_.Now();
    if (received || connection_.closed()) {
      busy_poll_.OnArrival(wait, now, arrival,
                           connection_.frames_read() - frames);
      return true;
    }
    arrival = BusyPoll::Arrival::kLater;
  }
  return false;
}

bool ConnectionReader::SleepAndRead(MonotonicTime deadline) {
  const BusyPoll::Wait wait = busy_poll_.Begin(clock_.Now());
  if (PollAndRead(wait, deadline)) return true;
  // Whoever gives the server up has looked at the socket before.
  if (!threads_.BeginSleep()) return Read();
  if (!connection_.PrepareToSleep()) {
    threads_.EndSleep(/*woken=*/false);
    return ReadAwaited(wait);
  }
  const bool write_blocked = connection_.write_blocked();
  threads_.EndSleep(WaitReady(connection_.pollable_fd(), write_blocked,
                              threads_.wakeup_fd(),
                              clock_.SleepUntil(deadline)));
  if (write_blocked) connection_.OnWritable();
  return ReadAwaited(wait);
}

bool ConnectionReader::ReadAwaited(const BusyPoll::Wait& wait) {
  const size_t frames = connection_.frames_read();
  const bool received = Read();
  if (received) {
    busy_poll_.OnArrival(wait, clock_.Now(), BusyPoll::Arrival::kLater,
                         connection_.frames_read() - frames);
  }
  return received;
}

bool ConnectionReader::Read() {
  bool received;
  {
    const BackgroundCloseScope closes;
    const ReceivedFdSenderScope server(account_.received());
    received = connection_.Read();
  }
  // Also if nothing has arrived: much may have been sent.
  CountTransfers();
  if (!received) return false;
  heard_ = true;
  const absl::Status closes = account_.CheckCloses();
  if (!closes.ok()) connection_.Close(closes);
  return true;
}

void ConnectionReader::CountTransfers() {
  const size_t transfers = connection_.transfers();
  if (transfers - counted_transfers_ < kTransfersOfBusy) return;
  const MonotonicTime now = clock_.CoarseNow();
  if (now - counted_at_ <= kTimeOfBusy && BusyPoll::HasSeveralCpus()) {
    connection_.OnBusy();
    connection_.Flush();
  }
  counted_transfers_ = transfers;
  counted_at_ = now;
}

void ConnectionReader::LeaveToLoop() {
  if (!connection_.PrepareToSleep()) loop_->Wake(self_);
}

void ConnectionReader::EndWait(ChannelLock& lock) {
  if (threads_.PassReading(lock) || loop_ == nullptr) return;
  if (std::exchange(loop_missed_, false)) {
    loop_->Wake(self_);
  } else if (!threads_.has_reader() && !loop_reads_) {
    LeaveToLoop();
  }
}

void ConnectionReader::AwaitWritten(
    WaitingThread& thread,
    absl::FunctionRef<MonotonicTime(MonotonicTime now)> look,
    ChannelLock& lock) {
  writers_.push_back(&thread);
  while (HasUnwritten()) {
    const MonotonicTime now = clock_.Now();
    const MonotonicTime until = look(now);
    if (now >= until) break;
    WaitOnce(thread, until, lock);
  }
  std::erase(writers_, &thread);
  EndWait(lock);
}

void ConnectionReader::ReadArrived(ChannelLock& lock) {
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
      loop->Watch(connection_.pollable_fd(), self_, Interest(connection_));
  if (!token.ok()) return token.status();
  loop_token_ = *token;
  writer_.BatchWith(*loop);
  loop_ = std::move(loop);
  if (!threads_.has_reader()) LeaveToLoop();
  PlanLook();
  return absl::OkStatus();
}

std::optional<size_t> ConnectionReader::OnReady(Poller::Event event) {
  {
    ChannelLock lock(mutex_);
    if (threads_.has_reader()) {
      // It is told only once; the thread passes it on.
      loop_missed_ = true;
      return 1;
    }
    loop_reads_ = true;
  }
  if (event.writable && connection_.write_blocked()) connection_.OnWritable();
  // It is told once: it reads until there is no more, or comes back.
  bool more = event.readable;
  bool received = false;
  for (int i = 0; i < kMostReads && more; ++i) {
    more = Read();
    received = received || more;
  }
  KeepAlive::Action action = KeepAlive::Action::kNone;
  {
    ChannelLock lock(mutex_);
    loop_reads_ = false;
    if (threads_.PassReading(lock)) {
      loop_missed_ = loop_missed_ || more;
    } else if (more) {
      loop_->Wake(self_);
    }
    if (connection_.arrives_in_memory() && !attended()) {
      loop_->Attend(self_.lock());
    }
    if (event.readable) action = CheckServer();
    PlanLook();
  }
  if (action == KeepAlive::Action::kPing) connection_.Flush();
  if (action == KeepAlive::Action::kGiveUp) GiveUp();
  return received || event.writable ? std::optional<size_t>(1) : std::nullopt;
}

bool ConnectionReader::MayBeReady() {
  ChannelLock lock(mutex_);
  // A thread that reads has the loop look when it leaves.
  return !threads_.has_reader() && connection_.MayReceive();
}

bool ConnectionReader::PrepareToSleep() {
  ChannelLock lock(mutex_);
  return threads_.has_reader() || connection_.PrepareToSleep();
}

void ConnectionReader::OnWriteBlockedChanged(ChannelLock& lock) {
  // The reader may be waiting without watching for room.
  threads_.WakeReader();
  for (WaitingThread* writer : writers_) writer->Wake(lock);
  if (loop_ != nullptr) {
    // Fails only if memory is short; the loss is noticed when the peer closes.
    (void)loop_->Change(connection_.pollable_fd(), loop_token_,
                        Interest(connection_));
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
