#include "transport/loopback_transport.h"

#include <cerrno>
#include <deque>

#include "base/mutex.h"
#include "os/syscalls.h"
#include "os/wakeup.h"

namespace fdrpc {
namespace {

struct FrameInTransit {
  std::string bytes;
  std::vector<UniqueFd> descriptors;
};

// Gives what arrives at the other end: each descriptor owned there. As with
// sendmsg(2), all of them cross, or none does and `from` keeps them.
absl::Status Cross(DescriptorSet& from, std::vector<UniqueFd>& to) {
  for (const OutgoingFd& fd : from) {
    UniqueFd own(Syscalls::Get().duplicate(fd.get()));
    if (!own.ok()) {
      return errno == EBADF
                 ? absl::InvalidArgumentError(
                       "a descriptor to send is not open (EBADF)")
                 : absl::ErrnoToStatus(errno, "duplicating a descriptor");
    }
    to.push_back(std::move(own));
  }
  from.clear();
  return absl::OkStatus();
}

}  // namespace

// One direction.
class LoopbackTransport::Pipe {
 public:
  Pipe(Wakeup readable, size_t capacity)
      : readable_(std::move(readable)), capacity_(capacity) {}

  SendResult Push(absl::Span<OutgoingFrame* const> frames) {
    MutexLock lock(mu_);
    SendResult result;
    if (closed_) {
      result.outcome = SendResult::Outcome::kClosed;
      return result;
    }
    for (OutgoingFrame* frame : frames) {
      if (frames_.size() >= capacity_) {
        result.outcome = SendResult::Outcome::kWouldBlock;
        return result;
      }
      FrameInTransit crossed{.bytes = frame->head, .descriptors = {}};
      if (frame->body_bytes > 0) {
        crossed.bytes.append(frame->body.get() + frame->body_offset,
                             frame->body_bytes);
      }
      result.error = Cross(frame->descriptors, crossed.descriptors);
      if (!result.error.ok()) {
        result.outcome = SendResult::Outcome::kRefused;
        return result;
      }
      frames_.push_back(std::move(crossed));
      ++result.sent;
      readable_.Notify();
    }
    return result;
  }

  bool Pop(FrameInTransit& frame) {
    MutexLock lock(mu_);
    if (frames_.empty()) {
      if (!closed_) readable_.Clear();
      return false;
    }
    frame = std::move(frames_.front());
    frames_.pop_front();
    return true;
  }

  ReceiveResult State() {
    MutexLock lock(mu_);
    if (!frames_.empty()) return {};
    if (closed_) return {.outcome = ReceiveOutcome::kClosed, .error = {}};
    readable_.Clear();
    return {.outcome = ReceiveOutcome::kWouldBlock, .error = {}};
  }

  void Close() {
    MutexLock lock(mu_);
    closed_ = true;
    readable_.Notify();
  }

  int readable_fd() const { return readable_.fd(); }

 private:
  const Wakeup readable_;
  const size_t capacity_;
  Mutex mu_;
  std::deque<FrameInTransit> frames_ ABSL_GUARDED_BY(mu_);
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

LoopbackTransport::~LoopbackTransport() { Shutdown(); }

Transport::SendResult LoopbackTransport::Send(
    absl::Span<OutgoingFrame* const> frames) {
  return out_->Push(frames);
}

Transport::ReceiveResult LoopbackTransport::Receive() { return in_->State(); }

Transport::NextResult LoopbackTransport::Next(IncomingFrame& frame) {
  FrameInTransit crossed;
  if (!in_->Pop(crossed)) return {};
  current_ = std::move(crossed.bytes);
  frame = IncomingFrame{};
  frame.header = DecodeFrameHeader(current_.data());
  frame.payload = std::string_view(current_).substr(kFrameHeaderBytes);
  frame.descriptors = std::move(crossed.descriptors);
  return {.outcome = NextOutcome::kFrame, .error = {}};
}

int LoopbackTransport::pollable_fd() const { return in_->readable_fd(); }

void LoopbackTransport::ShutdownReceive() { in_->Close(); }

void LoopbackTransport::Shutdown() {
  in_->Close();
  out_->Close();
}

}  // namespace fdrpc
