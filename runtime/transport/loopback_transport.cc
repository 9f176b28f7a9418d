#include "transport/loopback_transport.h"

#include <cerrno>

#include "base/mutex.h"
#include "os/syscalls.h"
#include "os/wakeup.h"
#include "transport/send_error.h"

namespace fdrpc {

// Makes the frame that arrives at the peer: the bytes, and a duplicate of each
// descriptor. As with sendmsg(2), either all descriptors are transferred or
// none. `frame` keeps its own.
absl::StatusOr<LoopbackTransport::FrameInTransit> LoopbackTransport::Transfer(
    const FrameToSend& frame) {
  FrameInTransit crossed;
  crossed.bytes.reserve(frame.bytes());
  crossed.bytes = frame.head;
  for (const SharedBytes& piece : frame.body())
    crossed.bytes.append(piece.bytes);
  crossed.descriptors.reserve(frame.descriptors().size());
  for (const AttachedFd& fd : frame.descriptors()) {
    UniqueFd own(Syscalls::Get().duplicate(fd.get()));
    if (!own.ok()) {
      return errno == EBADF
                 ? NotOpen(fd)
                 : absl::ErrnoToStatus(errno, "duplicating a descriptor");
    }
    crossed.descriptors.push_back(std::move(own));
  }
  return crossed;
}

// One direction.
class LoopbackTransport::Pipe {
 public:
  Pipe(Wakeup readable, size_t capacity)
      : readable_(std::move(readable)), capacity_(capacity) {}

  SendResult Push(absl::Span<const FrameToSend> frames) {
    SendResult result;
    // Other threads only make room; only this one uses it.
    const size_t room = Room();
    std::vector<FrameInTransit> crossing;
    crossing.reserve(frames.size());
    for (const FrameToSend& frame : frames) {
      if (crossing.size() == room) {
        result.outcome = SendResult::Outcome::kWouldBlock;
        break;
      }
      absl::StatusOr<FrameInTransit> crossed = Transfer(frame);
      if (!crossed.ok()) {
        result.outcome = SendResult::Outcome::kRefused;
        result.error = crossed.status();
        break;
      }
      crossing.push_back(*std::move(crossed));
    }
    {
      MutexLock lock(mu_);
      if (closed_) {
        return {.outcome = SendResult::Outcome::kClosed, .error = {}};
      }
      result.sent = crossing.size();
      for (FrameInTransit& frame : crossing) {
        frames_.push_back(std::move(frame));
      }
      if (!frames_.empty()) Notify();
    }
    // Without the lock: close(2) may block.
    for (const FrameToSend& frame : frames.subspan(0, result.sent)) {
      if (frame.attached != nullptr) frame.attached->descriptors.clear();
    }
    return result;
  }

  // Takes what is there at the moment, and no more: a peer that keeps sending
  // must not hold up a thread that reads for others, too.
  ReceiveResult Take(std::deque<FrameInTransit>& frames) {
    MutexLock lock(mu_);
    if (frames_.empty() && closed_) {
      return {.outcome = ReceiveOutcome::kClosed, .error = {}};
    }
    frames.swap(frames_);
    // Always, whether or not this process has notified it: after fork(2),
    // another process shares the descriptor.
    if (!closed_) Clear();
    return {.outcome = frames.empty() ? ReceiveOutcome::kWouldBlock
                                      : ReceiveOutcome::kReceived,
            .error = {}};
  }

  void Close() {
    MutexLock lock(mu_);
    closed_ = true;
    Notify();
  }

  // Drops what nobody will receive.
  void Drop() {
    std::deque<FrameInTransit> dropped;  // closed without the lock
    MutexLock lock(mu_);
    dropped.swap(frames_);
  }

  int readable_fd() const { return readable_.fd(); }

 private:
  size_t Room() {
    MutexLock lock(mu_);
    return capacity_ - frames_.size();
  }

  // One notification lasts until the receiver has taken everything, for
  // edge-triggered and level-triggered polling. Under the lock, so that the
  // descriptor is never readable while nothing is there.
  void Notify() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (!std::exchange(notified_, true)) readable_.Notify();
  }
  void Clear() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    notified_ = false;
    readable_.Clear();
  }

  const Wakeup readable_;
  const size_t capacity_;
  Mutex mu_;
  std::deque<FrameInTransit> frames_ ABSL_GUARDED_BY(mu_);
  bool notified_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

absl::StatusOr<LoopbackTransport::Pair> LoopbackTransport::CreatePair(
    size_t capacity) {
  absl::StatusOr<Wakeup> first = Wakeup::Create();
  if (!first.ok()) return first.status();
  absl::StatusOr<Wakeup> second = Wakeup::Create();
  if (!second.ok()) return second.status();
  auto there = std::make_shared<Pipe>(*std::move(first), capacity);
  auto back = std::make_shared<Pipe>(*std::move(second), capacity);
  return Pair(
      std::unique_ptr<LoopbackTransport>(new LoopbackTransport(back, there)),
      std::unique_ptr<LoopbackTransport>(new LoopbackTransport(there, back)));
}

LoopbackTransport::LoopbackTransport(std::shared_ptr<Pipe> in,
                                     std::shared_ptr<Pipe> out)
    : in_(std::move(in)), out_(std::move(out)) {}

LoopbackTransport::~LoopbackTransport() {
  // In a child made by fork(2), the other side is a copy that nobody uses, and
  // a thread of the parent may have held its lock; and the descriptors are the
  // parent's.
  if (fork_mark_.inherited()) return;
  Shutdown();
  in_->Drop();
}

Transport::SendResult LoopbackTransport::Send(
    absl::Span<const FrameToSend> frames) {
  return out_->Push(frames);
}

Transport::ReceiveResult LoopbackTransport::Receive() {
  if (!received_.empty()) return {};
  return in_->Take(received_);
}

Transport::NextResult LoopbackTransport::Next(IncomingFrame& frame) {
  if (received_.empty()) return {};
  current_ = std::move(received_.front().bytes);
  frame = IncomingFrame{};
  frame.header = DecodeFrameHeader(current_.data());
  frame.payload = std::string_view(current_).substr(kFrameHeaderBytes);
  frame.descriptors = std::move(received_.front().descriptors);
  received_.pop_front();
  return {.outcome = NextOutcome::kFrame, .error = {}};
}

int LoopbackTransport::pollable_fd() const { return in_->readable_fd(); }

void LoopbackTransport::ShutdownReceive() { in_->Close(); }

void LoopbackTransport::Shutdown() {
  in_->Close();
  out_->Close();
}

}  // namespace fdrpc
