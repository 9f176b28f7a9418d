#include "connection/connection.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "wire/frame_rules.h"

namespace fdrpc {
namespace {

// A peer that sends pings and does not read the pongs is attacking.
constexpr size_t kMostQueuedPongs = 1024;

// Whether the frames are those of a large message: all but the last one say
// that more follows.
bool AreOfLargeMessage(const OutgoingFrames& frames) {
  return frames.size() > 1 &&
         (DecodeFrameHeader(frames[frames.size() - 2].head.data()).flags &
          kFlagMore) != 0;
}

bool IsOffer(const OutgoingFrame& frame) {
  return DecodeFrameHeader(frame.head.data()).type ==
         static_cast<uint8_t>(FrameType::kOffer);
}

// Those of a frame that was sent are gone; its header still has their number.
size_t SentDescriptors(const FrameToSend& frame) {
  return frame.attached == nullptr
             ? 0
             : DecodeFrameHeader(frame.head.data()).descriptor_count;
}

Hello WithFeatures(Hello hello, const Transport& transport) {
  hello.features |= transport.features();
  return hello;
}

}  // namespace

Connection::Connection(std::unique_ptr<Transport> transport, const Hello& hello,
                       const QueueLimits& limits, Side peer, Role& role)
    : transport_(std::move(transport)),
      hello_(WithFeatures(hello, *transport_)),
      peer_side_(peer),
      role_(role),
      trace_(peer == Side::kClient ? Side::kServer : Side::kClient,
             transport_->pollable_fd()),
      room_(limits) {
  if (limits.together != nullptr) {
    transport_->CountInFlight(limits.together->in_flight);
  }
  MutexLock lock(mu_);
  queue_.Push(BuildHello(hello_));
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
  for (OutgoingFrame& frame : frames) {
    queue_.Push(std::move(frame), of_large);
  }
  frames.clear();
  return true;
}

bool Connection::Enqueue(OutgoingFrame frame) {
  if (inherited_by_fork()) return false;
  MutexLock lock(mu_);
  if (!sends_.load(std::memory_order_relaxed)) return false;
  queue_.Push(std::move(frame));
  return true;
}

bool Connection::EnqueueCopy(const OutgoingFrame& bare) {
  if (inherited_by_fork()) return false;
  MutexLock lock(mu_);
  if (!sends_.load(std::memory_order_relaxed)) return false;
  queue_.PushCopy(bare);
  return true;
}

bool Connection::HasRoom(Size size) {
  if (room_.Within(size, 1)) return true;
  MutexLock lock(mu_);
  if (room_.Within(size, 1) || !sends()) return true;
  queue_.room().Want(size);
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
  bool unseen = false;
  withdrawn = queue_.Withdraw(call_id, unseen);
  return unseen;
}

void Connection::Flush() {
  if (inherited_by_fork()) return;
  mu_.Lock();
  if (writing_) {
    mu_.Unlock();
    return;
  }
  if ((!queue_.empty() || transport_->due()) &&
      !blocked_.load(std::memory_order_relaxed)) {
    WriteAndUnlock();
    return;
  }
  // Withdrawing frames also makes room, possibly all the room that there was to
  // make.
  const bool room = !closed() && queue_.room().TakeWanted();
  mu_.Unlock();
  if (room) role_.OnRoom();
}

void Connection::OnWritable() {
  mu_.Lock();
  if (writing_) {
    mu_.Unlock();
    return;
  }
  WriteAndUnlock();
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
  trace_.OnEnd("ends", why);
  end_reason_ = why;
  sends_.store(false, std::memory_order_release);
  closed_.store(true, std::memory_order_release);
}

void Connection::StopSending(const absl::Status& why) {
  if (!sends_.load(std::memory_order_relaxed)) return;
  trace_.OnEnd("sends nothing more", why);
  end_reason_ = why;
  sends_.store(false, std::memory_order_release);
}

void Connection::WriteAndUnlock() {
  writing_ = true;
  WriteQueue::Removed removed;
  bool blocked = false;
  while (true) {
    absl::Status broken = WriteQueued(removed, blocked);
    if (!broken.ok()) MarkClosed(broken);
    if (!sends_.load(std::memory_order_relaxed)) {
      queue_.Drain(end_reason_, removed);
    }
    if (removed.sent.empty() && removed.unsent.empty()) break;
    // Still as the writer, so that nobody reports the end of the connection
    // before this.
    mu_.Unlock();
    for (uint32_t call_id : removed.sent) role_.OnSent(call_id);
    for (WriteQueue::UnsentFrame& frame : removed.unsent) {
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
  // Only now: a thread that waits until everything is written must not find it
  // unblocked while this one tries.
  const bool blocked_changes =
      blocked_.exchange(blocked, std::memory_order_acq_rel) != blocked;
  const bool room = sends() && queue_.room().TakeWanted();
  mu_.Unlock();
  if (closed_now) {
    transport_->Shutdown();
    role_.OnClosed(reason);
    return;
  }
  if (ended_now) role_.OnSendingEnded(reason);
  if (blocked_changes) role_.OnWriteBlockedChanged();
  if (room) role_.OnRoom();
}

absl::Status Connection::WriteQueued(WriteQueue::Removed& removed,
                                     bool& blocked) {
  using Outcome = Transport::SendResult::Outcome;
  blocked = false;
  // What is due goes with the frames, if there are any. It may stay due for
  // want of room.
  constexpr int kMostWithoutFrames = 2;
  for (int without_frames = 0; sends_.load(std::memory_order_relaxed);) {
    if (queue_.empty() &&
        (++without_frames > kMostWithoutFrames || !transport_->due())) {
      break;
    }
    // Other threads may add to the queue meanwhile.
    const auto batch = queue_.Batch();
    mu_.Unlock();
    removed.attached.clear();
    Transport::SendResult result = transport_->Send(batch);
    const auto sent = absl::MakeConstSpan(batch).subspan(0, result.sent);
    trace_.OnSent(sent);
    for (const FrameToSend& frame : sent) {
      written_.Add(frame.bytes(), SentDescriptors(frame));
    }
    if (!sent.empty()) written_.AddTransfer();
    mu_.Lock();
    queue_.OnSent(result.sent, result.next_partly_sent, removed);
    switch (result.outcome) {
      case Outcome::kSent:
        break;
      case Outcome::kWouldBlock:
        blocked = true;
        return absl::OkStatus();
      case Outcome::kRefused: {
        OutgoingFrame refused = queue_.TakeFirst();
        if (refused.call_id == 0 && !IsOffer(refused)) {
          // A connection cannot continue without one of its other frames.
          return result.error;
        }
        if (refused.call_id != 0) queue_.DropCall(refused.call_id, removed);
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
  transport_->ShutdownReceive();
  while (Receive() == Transport::ReceiveOutcome::kReceived) {
  }
}

Transport::ReceiveOutcome Connection::Receive() {
  using Outcome = Transport::ReceiveOutcome;
  if (closed()) return Outcome::kBroken;
  const Transport::ReceiveResult received = transport_->Receive();
  if (received.outcome == Outcome::kBroken) Close(received.error);
  if (received.outcome != Outcome::kReceived) return received.outcome;
  received_.AddTransfer();
  IncomingFrame frame;
  while (!closed()) {
    const Transport::NextResult next = transport_->Next(frame);
    if (next.outcome == Transport::NextOutcome::kNone) break;
    absl::Status status;
    if (next.outcome != Transport::NextOutcome::kMalformed) {
      received_.Add(kFrameHeaderBytes + frame.header.payload_bytes,
                    frame.descriptors.size());
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
  if (transport_->due()) Flush();
  return Outcome::kReceived;
}

absl::Status Connection::Dispatch(IncomingFrame& frame) {
  const FrameHeader& header = frame.header;
  const auto type = static_cast<FrameType>(header.type);
  trace_.OnReceived(header);
  if (!has_hello_ && type != FrameType::kHello) {
    return absl::InvalidArgumentError(
        "the first frame is not a hello: it does not speak fdrpc");
  }
  if (IsSkipped(header.type)) return absl::OkStatus();
  absl::Status valid = CheckFrame(header, peer_side_);
  if (!valid.ok()) return valid;
  // A transport that uses rings keeps these for itself.
  if (IsAboutRings(header.type)) {
    return absl::InvalidArgumentError(
        "a frame about rings, which are not agreed on");
  }
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
  trace_.OnHello(*hello);
  transport_->OnFeatures(hello_.features & hello->features);
  role_.OnHello(*hello);
  return absl::OkStatus();
}

absl::Status Connection::Pong(uint32_t argument) {
  {
    MutexLock lock(mu_);
    if (queue_.room().pongs() >= kMostQueuedPongs) {
      return absl::ResourceExhaustedError(
          "it sends pings and does not read the pongs");
    }
  }
  Enqueue(BuildControl(FrameType::kPong, 0, argument));
  Flush();
  return absl::OkStatus();
}

}  // namespace fdrpc
