#ifndef FDRPC_TRANSPORT_TRANSPORT_H_
#define FDRPC_TRANSPORT_TRANSPORT_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "os/descriptor_quota.h"
#include "transport/frame.h"

namespace fdrpc {

// Moves frames, each with its descriptors, whole and in order, between two
// processes. Knows nothing of calls. Never blocks.
//
// Threads: one thread at a time may be in Send(), and one in Receive() or
// Next(); Shutdown() may be called from any.
class Transport {
 public:
  virtual ~Transport() = default;

  // Before anything is sent: has the descriptors that are in flight here count
  // there, too, where the kernel counts any. Borrowed.
  virtual void CountInFlight(DescriptorQuota&) {}

  struct SendResult {
    // Frames that are gone, from the front. If a part of the next one is gone
    // too, the transport remembers how much, and wants that frame first the
    // next time.
    size_t sent = 0;
    // Whether a part of frame `sent` is gone.
    bool next_partly_sent = false;
    // What kept it from sending more, and how much that concerns:
    enum class Outcome {
      kSent,  // nothing: all are gone
      // No room, or as many descriptors as may be are in flight
      // (os/descriptor_flight.h); Send() again when writable.
      kWouldBlock,
      kRefused,  // frame `sent` can't go (`error`), none of it did; others can
      kClosed,   // the peer takes nothing more; what it sent may be received
      kBroken,   // the connection (`error`)
    } outcome = Outcome::kSent;
    absl::Status error;
  };
  // Sends frames from the front of `frames`. Clears the descriptors of a frame
  // once they are gone.
  virtual SendResult Send(absl::Span<const FrameToSend> frames) = 0;

  enum class ReceiveOutcome { kReceived, kWouldBlock, kClosed, kBroken };
  struct ReceiveResult {
    ReceiveOutcome outcome = ReceiveOutcome::kReceived;
    absl::Status error;  // for kBroken
  };
  // Takes in what has arrived with one system call, or a few at the end.
  virtual ReceiveResult Receive() = 0;

  enum class NextOutcome { kFrame, kNone, kMalformed };
  struct NextResult {
    NextOutcome outcome = NextOutcome::kNone;
    absl::Status error;  // for kMalformed: what the peer did
  };
  // Gives the next frame of what Receive() has taken in, without a system call
  // unless its payload is in a memory file. After kMalformed the transport
  // gives no more frames.
  virtual NextResult Next(IncomingFrame& frame) = 0;

  // Which frame has begun to arrive but is not complete, if any: a number that
  // differs from frame to frame.
  virtual std::optional<uint64_t> PartialFrame() const = 0;

  // Gives back memory that only a busy connection needs.
  virtual void ReleaseIdleMemory() = 0;

  // Readable when Receive() has something to take; writable when Send() has
  // room. Borrowed.
  virtual int pollable_fd() const = 0;

  // Takes nothing more: the peer's Send() gives kClosed from now on, and keeps
  // what it would have sent. What it has sent can still be received, then
  // Receive() gives kClosed.
  virtual void ShutdownReceive() = 0;

  // Ends both directions: the peer reads the end, and this side's Receive()
  // gives kClosed. Descriptors are closed with the object.
  virtual void Shutdown() = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_TRANSPORT_H_
