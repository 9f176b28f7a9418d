#include "transport/ring_transport.h"

#include "base/check.h"
#include "transport/ring_agreement.h"
#include "transport/ring_receiver.h"
#include "transport/ring_sender.h"
#include "wire/ring_layout.h"

namespace fdrpc {
namespace {

Side PeerOf(Side side) {
  return side == Side::kClient ? Side::kServer : Side::kClient;
}

}  // namespace

struct RingTransport::Parts {
  Parts(Transport& socket, RingTransport& owner)
      : agreement(owner.side_, owner.ring_bytes_, owner.at_once_, owner.quota_),
        sender(socket, agreement),
        receiver(socket, agreement, PeerOf(owner.side_),
                 owner.receiving_ended_) {}

  RingAgreement agreement;
  RingSender sender;
  RingReceiver receiver;
};

std::unique_ptr<RingTransport> RingTransport::Create(
    std::unique_ptr<Transport> socket, const Options& options) {
  FDRPC_CHECK(ring_layout::IsRingSize(options.ring_bytes),
              "the size of a ring must be a power of two, 16 KiB to 4 MiB");
  return std::unique_ptr<RingTransport>(
      new RingTransport(std::move(socket), options));
}

RingTransport::RingTransport(std::unique_ptr<Transport> socket,
                             const Options& options)
    : socket_(std::move(socket)),
      quota_(options.quota),
      ring_bytes_(options.ring_bytes),
      side_(options.side),
      at_once_(options.at_once) {}

RingTransport::~RingTransport() {
  Parts* const parts = parts_.load(std::memory_order_acquire);
  if (parts == nullptr) return;
  if (!fork_mark_.inherited()) parts->agreement.Gone();
  delete parts;
}

RingTransport::Parts& RingTransport::MakeParts() {
  Parts* made = parts();
  if (made != nullptr) return *made;
  auto parts = std::make_unique<Parts>(*socket_, *this);
  if (parts_.compare_exchange_strong(made, parts.get(),
                                     std::memory_order_acq_rel)) {
    return *parts.release();
  }
  return *made;  // another thread's
}

void RingTransport::OnFeatures(uint64_t of_both) {
  if ((of_both & Hello::kRings) == 0) return;
  agreed_.store(true, std::memory_order_release);
  if (at_once_) OnBusy();
}

void RingTransport::OnBusy() {
  if (side_ == Side::kClient && agreed() && !fork_mark_.inherited()) {
    MakeParts().agreement.Want();
  }
}

void RingTransport::OnIdle() {
  if (fork_mark_.inherited()) return;
  if (Parts* const parts = this->parts()) parts->agreement.GiveUp();
}

bool RingTransport::uses_memory() const {
  const Parts* const parts = this->parts();
  return parts != nullptr && parts->agreement.has_both();
}

bool RingTransport::sends_in_ring() const {
  const Parts* const parts = this->parts();
  return parts != nullptr && parts->sender.in_ring();
}

bool RingTransport::receives_in_ring() const {
  const Parts* const parts = this->parts();
  return parts != nullptr && parts->receiver.in_ring();
}

bool RingTransport::due() const {
  const Parts* const parts = this->parts();
  return parts != nullptr &&
         (parts->agreement.has_news() || parts->sender.owes());
}

Transport::SendResult RingTransport::Send(
    absl::Span<const FrameToSend> frames) {
  if (fork_mark_.inherited() || shut_down_.load(std::memory_order_acquire)) {
    return {.outcome = SendResult::Outcome::kClosed, .error = {}};
  }
  if (Parts* const parts = this->parts()) {
    if (const Sent before = std::exchange(sent_, Sent::kByParts);
        before != Sent::kByParts) {
      parts->sender.Continue(before != Sent::kNothing,
                             before == Sent::kPartOfFrame);
    }
    return parts->sender.Send(frames);
  }
  if (frames.empty()) return {};
  SendResult result = socket_->Send(frames);
  if (result.next_partly_sent) {
    sent_ = Sent::kPartOfFrame;
  } else if (result.sent > 0) {
    sent_ = Sent::kWholeFrames;
  }
  return result;
}

Transport::ReceiveResult RingTransport::Receive() {
  if (fork_mark_.inherited()) {
    return {.outcome = ReceiveOutcome::kClosed, .error = {}};
  }
  Parts* const parts = this->parts();
  return parts != nullptr ? parts->receiver.Receive() : socket_->Receive();
}

Transport::NextResult RingTransport::Next(IncomingFrame& frame) {
  if (fork_mark_.inherited() || malformed_) return {};
  Parts* parts = this->parts();
  if (parts != nullptr) return parts->receiver.Next(frame);
  NextResult next = socket_->Next(frame);
  if (next.outcome != NextOutcome::kFrame || !agreed() ||
      !IsAboutRings(frame.header.type)) {
    return next;
  }
  parts = &MakeParts();
  if (absl::Status handled = parts->receiver.Handle(frame); !handled.ok()) {
    malformed_ = true;
    return {.outcome = NextOutcome::kMalformed, .error = std::move(handled)};
  }
  return parts->receiver.Next(frame);
}

std::optional<uint64_t> RingTransport::PartialFrame() const {
  const Parts* const parts = this->parts();
  return parts != nullptr ? parts->receiver.PartialFrame()
                          : socket_->PartialFrame();
}

void RingTransport::ReleaseIdleMemory() {
  if (Parts* const parts = this->parts()) {
    parts->receiver.ReleaseIdleMemory();
  } else {
    socket_->ReleaseIdleMemory();
  }
}

bool RingTransport::PrepareToSleep() {
  Parts* const parts = this->parts();
  if (parts == nullptr || fork_mark_.inherited()) return true;
  return parts->receiver.PrepareToSleep();
}

bool RingTransport::MayReceive() {
  Parts* const parts = this->parts();
  if (parts == nullptr || fork_mark_.inherited()) return true;
  return parts->receiver.MayReceive();
}

void RingTransport::ShutdownReceive() {
  if (fork_mark_.inherited()) return;
  receiving_ended_.store(true, std::memory_order_release);
  if (Parts* const parts = this->parts()) parts->receiver.End();
  socket_->ShutdownReceive();
}

void RingTransport::ShutdownReceiveSoon() {
  if (fork_mark_.inherited()) return;
  receiving_ended_.store(true, std::memory_order_release);
  socket_->ShutdownReceive();
}

void RingTransport::Shutdown() {
  if (fork_mark_.inherited()) return;
  shut_down_.store(true, std::memory_order_release);
  // What the peer publishes from here on nobody takes. It learns that now, or
  // reads it from the socket.
  if (Parts* const parts = this->parts()) parts->agreement.Gone();
  socket_->Shutdown();
}

}  // namespace fdrpc
