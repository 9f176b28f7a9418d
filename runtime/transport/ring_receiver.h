#ifndef FDRPC_TRANSPORT_RING_RECEIVER_H_
#define FDRPC_TRANSPORT_RING_RECEIVER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "os/payload_memory.h"
#include "transport/frame.h"
#include "transport/ring_agreement.h"
#include "transport/ring_reader.h"
#include "transport/transport.h"
#include "wire/frame_decoder.h"
#include "wire/frame_rules.h"

namespace fdrpc {

// The receiving half of a RingTransport: it takes the frames from the ring and
// from the socket, in the order in which they were sent, and handles those
// about rings. The bytes of the ring are copied into memory of this process
// before anything looks at them, as those of a stream are.
//
// Threads: the receiver's only. Borrows the transport of the socket.
class RingReceiver {
 public:
  // `ended`: whether it is to take nothing more than what is there.
  RingReceiver(Transport& socket, RingAgreement& agreement, Side peer,
               const std::atomic<bool>& ended)
      : socket_(socket),
        agreement_(agreement),
        peer_side_(peer),
        ended_(ended) {}

  // Handles a frame about rings that came over the socket. An error is the
  // peer's mistake.
  absl::Status Handle(IncomingFrame& frame);
  // Says to the peer where it ends. Before the end of the socket.
  void End();

  // As the functions of Transport.
  Transport::ReceiveResult Receive();
  Transport::NextResult Next(IncomingFrame& frame);
  std::optional<uint64_t> PartialFrame() const;
  void ReleaseIdleMemory();
  bool PrepareToSleep();
  bool MayReceive();

  bool in_ring() const { return in_ring_; }

 private:
  using NextResult = Transport::NextResult;

  // Copies what has been published into the decoder, as much as it has space
  // for. Whether there was anything.
  bool TakeFromRing();
  // Takes the doorbells from what the socket has received, up to a frame whose
  // turn comes when the ring says so.
  void SkipDoorbells();
  NextResult NextOfRing(IncomingFrame& frame);
  NextResult NextOfSocket(IncomingFrame& frame);
  absl::Status OnToRing();
  absl::Status OnNoRings();
  NextResult Fail(absl::Status error);

  Transport& socket_;
  RingAgreement& agreement_;
  const Side peer_side_;
  const std::atomic<bool>& ended_;
  std::shared_ptr<const RingPair> rings_;
  std::optional<RingReader> reader_;
  FrameDecoder decoder_{NewPayload};  // of the ring
  bool in_ring_ = false;
  std::optional<IncomingFrame> held_;  // arrived before the ring has led to it
  uint32_t polls_ = 0;
  absl::Status error_;      // the peer's, to be reported by Next()
  bool malformed_ = false;  // reported
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_RING_RECEIVER_H_
