#include "connection/connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "wire/frame_rules.h"

namespace fdrpc {
namespace {

constexpr size_t kMostFramesPerBatch = 256;
// A peer that sends pings and does not read the pongs is attacking.
constexpr size_t kMostQueuedPongs = 1024;

// Whether the frames are those of a large message: all but the last one say
// that more follows.
bool AreOfLargeMessage(const OutgoingFrames& frames) {
  return frames.size() > 1 &&
         (DecodeFrameHeader(frames[frames.size() - 2].head.data()).flags &
          kFlagMore) != 0;
}

}  // namespace

Connection::Connection(std::unique_ptr<Transport> transport, const Hello& hello,
                       const QueueLimits& limits, Side peer, Role& role)
    : transport_(std::move(transport)),
      hello_(hello),
      peer_side_(peer),
      role_(role),
      room_(limits) {
  if (limits.together != nullptr) {
    transport_->CountInFlight(limits.together->in_flight);
  }
  MutexLock lock(mu_);
  Push(BuildHello(hello_));
}

Connection::~Connection() {
  // The peer shall see the end now; the socket may be closed later, after
  // others whose close blocks.
  if (!inherited_by_fork()) transport_->Shutdown();
}

bool Connection::Enqueue(OutgoingFrames& frames) {
  if (inherited_by_fork()) return false;
  MutexLock lock(mu_);
  if (!sends_.load(std::memory_order_relaxed)) return false;
  const bool of_large = AreOfLargeMessage(frames);
  for (OutgoingFrame& frame : frames) Push(std::move(frame), of_large);
  frames.clear();
  return true;
}

bool Connection::Enqueue(OutgoingFrame frame) {
  if (inherited_by_fork()) return false;
  MutexLock lock(mu_);
  if (!sends_.load(std::memory_order_relaxed)) return false;
  Push(std::move(frame));
  return true;
}

bool Connection::EnqueueCopy(const OutgoingFrame& bare) {
  if (inherited_by_fork()) return false;
  MutexLock lock(mu_);
  if (!sends_.load(std::memory_order_relaxed)) return false;
  counting_->Count(bare);
  queue_.PushCopy(bare);
  return true;
}

bool Connection::HasRoom(Size size) {
  if (room_.Within(size, 1)) return true;
  MutexLock lock(mu_);
  if (room_.Within(size, 1) || !sends()) return true;
  counting_->Want(size);
  return false;
}

bool Connection::MayGiveBackDescriptors() {
  // A thread that empties the queue to give frames back changes both under the
  // lock.
  MutexLock lock(mu_);
  return queued_descriptors() > 0 || !sends();
}

bool Connection::Withdraw(uint32_t call_id) {
  std::vector<OutgoingFrame> withdrawn;  // closed without the lock
  MutexLock lock(mu_);
  // The writer is using the frames that it sends.
  if (writing_) return false;
  bool whole = false;
  for (size_t i = first_partly_sent_ ? 1 : 0; i < queue_.size();) {
    const FrameQueue::QueuedFrame queued = queue_.at(i);
    if (queued.call_id != call_id) {
      ++i;
      continue;
    }
    const FrameHeader header = DecodeFrameHeader(queued.frame.head.data());
    if (header.type == static_cast<uint8_t>(FrameType::kOpen)) whole = true;
    withdrawn.push_back(Take(i));
  }
  return whole;
}

void Connection::Flush() {
  if (inherited_by_fork()) return;
  mu_.Lock();
  if (writing_) {
    mu_.Unlock();
    return;
  }
  if (!queue_.empty() && !blocked_.load(std::memory_order_relaxed)) {
    WriteAndUnlock();
    return;
  }
  // Withdrawing frames also makes room, possibly all the room that there was to
  // make.
  const bool room = !closed() && counting_->TakeWanted();
  mu_.Unlock();
  if (room) role_.OnRoom();
}

void Connection::OnWritable() {
  mu_.Lock();
  const bool was_blocked = blocked_.exchange(false, std::memory_order_acq_rel);
  if (writing_) {
    mu_.Unlock();
    return;
  }
  WriteAndUnlock();
  if (was_blocked && !write_blocked()) role_.OnWriteBlockedChanged();
}

void Connection::ReleaseIdleMemory() {
  transport_->ReleaseIdleMemory();
  MutexLock lock(mu_);
  if (queue_.empty()) queue_.Release();
}

void Connection::Close(const absl::Status& why) {
  if (inherited_by_fork()) return;
  {
    // Before the transport, so that a writer whose send fails because of this
    // does not report that failure as the reason.
    MutexLock lock(mu_);
    MarkClosed(why);
  }
  transport_->Shutdown();
  mu_.Lock();
  if (writing_) {
    // The writer notices, and reports.
    mu_.Unlock();
    return;
  }
  WriteAndUnlock();
}

void Connection::MarkClosed(const absl::Status& why) {
  if (closed_.load(std::memory_order_relaxed)) return;
  end_reason_ = why;
  sends_.store(false, std::memory_order_release);
  closed_.store(true, std::memory_order_release);
}

void Connection::StopSending(const absl::Status& why) {
  if (!sends_.load(std::memory_order_relaxed)) return;
  end_reason_ = why;
  sends_.store(false, std::memory_order_release);
}

void Connection::WriteAndUnlock() {
  writing_ = true;
  const bool was_blocked = blocked_.load(std::memory_order_relaxed);
  RemovedFrames removed;
  while (true) {
    absl::Status broken = WriteQueued(removed);
    if (!broken.ok()) MarkClosed(broken);
    if (!sends_.load(std::memory_order_relaxed)) DrainQueue(removed);
    if (removed.sent.empty() && removed.unsent.empty()) break;
    // Still as the writer, so that nobody reports the end of the connection
    // before this.
    mu_.Unlock();
    for (uint32_t call_id : removed.sent) role_.OnSent(call_id);
    for (UnsentFrame& frame : removed.unsent) {
      role_.OnUnsent(std::move(frame.frame), frame.why);
    }
    removed = {};
    mu_.Lock();
  }
  writing_ = false;
  const bool closed_now =
      closed_.load(std::memory_order_relaxed) && !close_reported_;
  close_reported_ |= closed_now;
  const bool ended_now = !sends_.load(std::memory_order_relaxed) &&
                         !close_reported_ && !sending_end_reported_;
  sending_end_reported_ |= ended_now;
  const absl::Status reason =
      closed_now || ended_now ? end_reason_ : absl::OkStatus();
  const bool now_blocked =
      !was_blocked && blocked_.load(std::memory_order_relaxed);
  const bool room = sends() && counting_->TakeWanted();
  mu_.Unlock();
  if (closed_now) {
    transport_->Shutdown();
    role_.OnClosed(reason);
    return;
  }
  if (ended_now) role_.OnSendingEnded(reason);
  if (now_blocked) role_.OnWriteBlockedChanged();
  if (room) role_.OnRoom();
}

absl::Status Connection::WriteQueued(RemovedFrames& removed) {
  using Outcome = Transport::SendResult::Outcome;
  while (!queue_.empty() && sends_.load(std::memory_order_relaxed)) {
    // Other threads may add to the queue meanwhile; that does not move these
    // frames.
    absl::InlinedVector<FrameToSend, 8> batch;
    const size_t count = std::min(queue_.in_line(), kMostFramesPerBatch);
    for (size_t i = 0; i < count; ++i) batch.push_back(queue_.at(i).frame);
    mu_.Unlock();
    removed.attached.clear();
    Transport::SendResult result = transport_->Send(batch);
    mu_.Lock();
    for (size_t i = 0; i < result.sent; ++i) PopSent(removed);
    first_partly_sent_ = result.next_partly_sent;
    switch (result.outcome) {
      case Outcome::kSent:
        break;
      case Outcome::kWouldBlock:
        blocked_.store(true, std::memory_order_release);
        return absl::OkStatus();
      case Outcome::kRefused: {
        OutgoingFrame refused = Take(0);
        // A connection cannot continue without one of its own frames.
        if (refused.call_id == 0) return result.error;
        DropCall(refused.call_id, removed);
        removed.unsent.push_back({std::move(refused), std::move(result.error)});
        break;
      }
      case Outcome::kClosed:
        StopSending(absl::UnavailableError("the peer closed the connection"));
        break;
      case Outcome::kBroken:
        return result.error;
    }
  }
  return absl::OkStatus();
}

void Connection::Push(OutgoingFrame&& frame, bool of_large) {
  counting_->Count(frame, of_large);
  queue_.Push(std::move(frame), of_large);
}

void Connection::PopSent(RemovedFrames& removed) {
  const FrameQueue::QueuedFrame queued = queue_.at(0);
  counting_->Discount(queued);
  if (queued.tells_when_sent) removed.sent.push_back(queued.call_id);
  auto attached = queue_.Pop();
  if (attached != nullptr) removed.attached.push_back(std::move(attached));
}

OutgoingFrame Connection::Take(size_t index) {
  counting_->Discount(queue_.at(index));
  return queue_.Take(index);
}

void Connection::DropCall(uint32_t call_id, RemovedFrames& removed) {
  for (size_t i = 0; i < queue_.size();) {
    if (queue_.at(i).call_id == call_id) {
      removed.attached.push_back(Take(i).attached);
    } else {
      ++i;
    }
  }
}

void Connection::DrainQueue(RemovedFrames& removed) {
  if (!queue_.empty() && first_partly_sent_) {
    removed.attached.push_back(Take(0).attached);
  }
  first_partly_sent_ = false;
  while (!queue_.empty()) {
    OutgoingFrame frame = Take(0);
    if (frame.call_id == 0) continue;
    removed.unsent.push_back({std::move(frame), end_reason_});
  }
}

bool Connection::Read() {
  switch (Receive()) {
    case Transport::ReceiveOutcome::kReceived:
      return true;
    case Transport::ReceiveOutcome::kClosed:
      Close(absl::UnavailableError("the peer closed the connection"));
      return false;
    default:
      return false;
  }
}

void Connection::ReadRest() {
  EndReceiving();
  while (Receive() == Transport::ReceiveOutcome::kReceived) {
  }
}

Transport::ReceiveOutcome Connection::Receive() {
  using Outcome = Transport::ReceiveOutcome;
  if (closed()) return Outcome::kBroken;
  const Transport::ReceiveResult received = transport_->Receive();
  if (received.outcome == Outcome::kBroken) Close(received.error);
  if (received.outcome != Outcome::kReceived) return received.outcome;
  IncomingFrame frame;
  while (!closed()) {
    const Transport::NextResult next = transport_->Next(frame);
    if (next.outcome == Transport::NextOutcome::kNone) break;
    absl::Status status;
    if (next.outcome != Transport::NextOutcome::kMalformed) {
      ++frames_read_;
      status = Dispatch(frame);
    } else if (has_hello_) {
      status = next.error;
    } else {
      status = absl::InvalidArgumentError(absl::StrCat(
          "it does not speak fdrpc: its first frame is not a hello (",
          std::string(next.error.message()), ")"));
    }
    if (!status.ok()) {
      Close(absl::InternalError(
          absl::StrCat("protocol error by the peer: ", status.message())));
    }
  }
  return Outcome::kReceived;
}

absl::Status Connection::Dispatch(IncomingFrame& frame) {
  const FrameHeader& header = frame.header;
  const auto type = static_cast<FrameType>(header.type);
  if (!has_hello_ && type != FrameType::kHello) {
    return absl::InvalidArgumentError(
        "the first frame is not a hello: it does not speak fdrpc");
  }
  if (header.type >= kFirstSkippableType) return absl::OkStatus();
  absl::Status valid = CheckFrame(header, peer_side_);
  if (!valid.ok()) return valid;
  switch (type) {
    case FrameType::kHello:
      return TakeHello(frame);
    case FrameType::kPing:
      return Pong(header.argument);
    case FrameType::kPong:
      role_.OnPong(header.argument);
      return valid;
    default:
      return role_.OnFrame(frame);
  }
}

absl::Status Connection::TakeHello(const IncomingFrame& frame) {
  if (has_hello_) return absl::InvalidArgumentError("a second hello");
  const absl::StatusOr<Hello> hello = DecodeHello(frame.payload);
  if (!hello.ok()) return hello.status();
  absl::Status versions = CheckVersions(hello_, *hello);
  if (!versions.ok()) return versions;
  has_hello_ = true;
  role_.OnHello(*hello);
  return absl::OkStatus();
}

absl::Status Connection::Pong(uint32_t argument) {
  {
    MutexLock lock(mu_);
    if (counting_->pongs() >= kMostQueuedPongs) {
      return absl::ResourceExhaustedError(
          "it sends pings and does not read the pongs");
    }
  }
  Enqueue(BuildControl(FrameType::kPong, 0, argument));
  Flush();
  return absl::OkStatus();
}

}  // namespace fdrpc
