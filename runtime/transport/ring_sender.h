#ifndef FDRPC_TRANSPORT_RING_SENDER_H_
#define FDRPC_TRANSPORT_RING_SENDER_H_

#include <atomic>
#include <memory>
#include <optional>

#include "absl/types/span.h"
#include "transport/frame.h"
#include "transport/ring_agreement.h"
#include "transport/ring_writer.h"
#include "transport/transport.h"

namespace fdrpc {

// The sending half of a RingTransport: it decides for each frame whether it
// goes into the ring or over the socket, and sends the frames about rings that
// this takes. In the ring go all frames without descriptors that are not large,
// as long as there is room. For the others it changes to the socket, and back
// behind them. So when the ring is full, a sender waits for room in the socket,
// as without a ring.
//
// Threads: the sender's only. Borrows the transport of the socket.
class RingSender {
 public:
  RingSender(Transport& socket, RingAgreement& agreement)
      : socket_(socket), agreement_(agreement) {}

  // Before the first Send(): the socket has already been used, and has a part
  // of the first frame if that is `partly` sent.
  void Continue(bool sent_any, bool partly) {
    sent_any_ = sent_any;
    user_partly_ = partly;
  }

  // As Transport::Send(). Also with no frames at all: then it only sends what
  // is due about rings.
  Transport::SendResult Send(absl::Span<const FrameToSend> frames);

  bool in_ring() const { return in_ring_; }
  // Whether a frame of its own waits for room on the socket. Any thread.
  bool owes() const { return owes_.load(std::memory_order_acquire); }

 private:
  using SendResult = Transport::SendResult;
  using Outcome = SendResult::Outcome;
  // The frames of its own that it sends over the socket.
  enum class OwnFrame {
    kNone,
    kToRing,
    kDoorbell,
    kWantRings,
    kRegion,
    kNoRings,
  };

  static FrameType TypeOf(OwnFrame own);

  // Whether a frame never goes into the ring.
  bool NeedsSocket(const FrameToSend& frame) const;
  // Whether it is worth going back to the ring.
  bool HasMuchRoom();
  // These send some frames from the front of `frames`, and set `result`.
  void SendInRing(absl::Span<const FrameToSend> frames, SendResult& result);
  void SendOnSocket(absl::Span<const FrameToSend> frames, SendResult& result);
  // To-ring has been sent.
  void EnterRing();
  // Whether a reader that ends takes what was published last.
  bool IsTaken();
  // Sends a frame of its own, or the rest of it. Returns how that went: with
  // kWouldBlock, kRefused and kClosed nothing more can be sent now.
  SendResult SendOwn(OwnFrame own);
  // Takes notice of what the receiver has learnt, and sends what is due.
  void SendTasks(SendResult& result);
  bool BeginTask();

  Transport& socket_;
  RingAgreement& agreement_;
  std::shared_ptr<const RingPair> rings_;
  std::optional<RingWriter> writer_;
  bool in_ring_ = false;
  bool closed_ = false;       // the peer takes nothing more
  bool sent_any_ = false;     // the first frame is a hello
  bool user_partly_ = false;  // the socket has a part of a frame that was given
  OwnFrame own_partly_ = OwnFrame::kNone;  // or of one of its own
  // A frame of its own that is to be sent. To-ring is one of them only until
  // it was sent for the first time.
  OwnFrame task_ = OwnFrame::kNone;
  std::atomic<bool> owes_{false};
  FrameAttachment region_;
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_RING_SENDER_H_
