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
// processes. It knows nothing of calls, and never blocks.
//
// Threads: one thread at a time may be in Send(), and one in Receive() or
// Next(). Any thread may call Shutdown().
class Transport {
 public:
  virtual ~Transport() = default;

  // The optional features of the protocol that this transport has, as bits of
  // Hello::features; then, for the receiver, those that the peer has too.
  virtual uint64_t features() const { return 0; }
  virtual void OnFeatures(uint64_t /*of_both*/) {}

  // Before the first send: also counts the descriptors that are in flight here
  // in that quota, if the kernel counts them. Borrowed.
  virtual void CountInFlight(DescriptorQuota&) {}

  // From now on the kernel refuses the peer's descriptors, if it knows how to
  // and the transport itself needs none: the peer's send fails with EPERM.
  virtual void RefuseDescriptors() {}

  struct SendResult {
    // The number of frames at the front that were sent. If a part of the next
    // one was sent too, the transport remembers how much, and the next Send()
    // must begin with that frame.
    size_t sent = 0;
    // Whether a part of frame `sent` was sent.
    bool next_partly_sent = false;
    // Why no more was sent:
    enum class Outcome {
      kSent,  // everything was sent
      // There is no room, or the limit of descriptors in flight is reached
      // (os/descriptor_flight.h). Send() again when writable.
      kWouldBlock,
      kRefused,  // nothing of frame `sent` can be sent (`error`); others can
      kClosed,   // the peer takes nothing more; what it sent can be received
      kBroken,   // the connection is broken (`error`)
    } outcome = Outcome::kSent;
    absl::Status error;
  };
  // Sends frames from the front of `frames`. Clears the descriptors of the
  // frames that were sent. With no frames, it sends what is due().
  virtual SendResult Send(absl::Span<const FrameToSend> frames) = 0;
  // Whether the transport has something of its own to send, which goes with the
  // next frames. Any thread.
  virtual bool due() const { return false; }

  enum class ReceiveOutcome { kReceived, kWouldBlock, kClosed, kBroken };
  struct ReceiveResult {
    ReceiveOutcome outcome = ReceiveOutcome::kReceived;
    absl::Status error;  // for kBroken
  };
  // Receives what has arrived, with one system call, or a few at the end.
  virtual ReceiveResult Receive() = 0;

  enum class NextOutcome { kFrame, kNone, kMalformed };
  struct NextResult {
    NextOutcome outcome = NextOutcome::kNone;
    absl::Status error;  // for kMalformed: what the peer did
  };
  // Returns the next frame of what Receive() has received; makes a system call
  // only if the payload is in a memory file. After kMalformed there are no more
  // frames.
  virtual NextResult Next(IncomingFrame& frame) = 0;

  // A number that identifies the frame that has arrived in part, if there is
  // one.
  virtual std::optional<uint64_t> PartialFrame() const = 0;

  // Frees memory that only a busy connection needs.
  virtual void ReleaseIdleMemory() = 0;

  // Readable when Receive() has something to receive, after PrepareToSleep();
  // writable when Send() has room. Borrowed.
  virtual int pollable_fd() const = 0;

  // For the receiving thread before anybody waits for pollable_fd(). False if
  // something may have arrived meanwhile: Receive() instead. After true, the
  // descriptor becomes readable with the next arrival; until Receive() is
  // called, further calls only look again.
  virtual bool PrepareToSleep() { return true; }

  // For the receiving thread while it polls: whether Receive() is worth a call.
  // A transport that cannot tell without a system call says yes.
  virtual bool MayReceive() { return true; }

  // For the receiving thread: whether what arrives does not make pollable_fd()
  // readable, except after PrepareToSleep().
  virtual bool arrives_in_memory() const { return false; }

  // What whoever uses the connection has noticed: it is busy, or it has been
  // idle for a while. A transport may take or give back memory for that, which
  // it then negotiates with the peer: due(). Any thread.
  virtual void OnBusy() {}
  virtual void OnIdle() {}
  // Whether it has such memory. Any thread.
  virtual bool uses_memory() const { return false; }

  // Receives nothing more. The peer's Send() returns kClosed from now on, and
  // keeps what it would have sent. What the peer has sent can still be
  // received; then Receive() returns kClosed.
  virtual void ShutdownReceive() = 0;
  // The same on any thread, as seen by the receiving thread's next Receive().
  virtual void ShutdownReceiveSoon() { ShutdownReceive(); }

  // Ends both directions: the peer reads the end, and Receive() returns
  // kClosed. The destructor closes the descriptor.
  virtual void Shutdown() = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_TRANSPORT_H_
