#ifndef FDRPC_TRANSPORT_RING_TRANSPORT_H_
#define FDRPC_TRANSPORT_RING_TRANSPORT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "os/fork_generation.h"
#include "transport/ring_quota.h"
#include "transport/transport.h"
#include "wire/frame_rules.h"
#include "wire/hello.h"

namespace fdrpc {

// Frames over the transport of a socket, which it owns, and, once both sides
// have agreed on that, through rings in shared memory (docs/protocol.md,
// "Rings"). Each direction changes from the socket to its ring, and back, at
// any time, and the frames stay in order. Without an agreement it does what
// the socket's transport does, and needs little more memory.
class RingTransport final : public Transport {
 public:
  struct Options {
    Side side;                         // of this process
    uint32_t ring_bytes = 256u << 10;  // for what it sends; IsRingSize()
    // A client asks for rings as soon as it may, and not when it is busy;
    // either side has them with one CPU, too.
    bool at_once = false;
    // Of a server: counts the region, and may refuse it. Borrowed.
    RingQuota* quota = nullptr;
  };
  static std::unique_ptr<RingTransport> Create(
      std::unique_ptr<Transport> socket, const Options& options);
  ~RingTransport() override;

  // Hello::kRings. From OnFeatures() on, the peer may send frames about rings.
  uint64_t features() const override { return Hello::kRings; }
  void OnFeatures(uint64_t of_both) override;

  // For a client whose server has the feature: OnBusy() asks for rings with the
  // next Send(). If either side cannot have any, the connection stays on the
  // socket, and further requests have no effect. OnIdle() gives up the rings
  // with the next Send(). Their memory is freed when the peer has answered. A
  // client may then ask for rings again.
  void OnBusy() override;
  void OnIdle() override;
  bool uses_memory() const override;
  // Where the next frame is sent and received, for the sender and the receiver.
  bool sends_in_ring() const;
  bool receives_in_ring() const;
  bool arrives_in_memory() const override { return receives_in_ring(); }

  void CountInFlight(DescriptorQuota& together) override {
    socket_->CountInFlight(together);
  }
  void RefuseDescriptors() override { socket_->RefuseDescriptors(); }
  SendResult Send(absl::Span<const FrameToSend> frames) override;
  bool due() const override;
  ReceiveResult Receive() override;
  NextResult Next(IncomingFrame& frame) override;
  std::optional<uint64_t> PartialFrame() const override;
  void ReleaseIdleMemory() override;
  int pollable_fd() const override { return socket_->pollable_fd(); }
  bool PrepareToSleep() override;
  bool MayReceive() override;
  void ShutdownReceive() override;
  void ShutdownReceiveSoon() override;
  void Shutdown() override;

 private:
  // What it has once either side has said something about rings.
  struct Parts;

  RingTransport(std::unique_ptr<Transport> socket, const Options& options);

  bool agreed() const { return agreed_.load(std::memory_order_acquire); }
  Parts* parts() const { return parts_.load(std::memory_order_acquire); }
  // Makes them, if there are none. Any thread.
  Parts& MakeParts();

  const std::unique_ptr<Transport> socket_;
  RingQuota* const quota_;
  const uint32_t ring_bytes_;
  const Side side_;
  const bool at_once_;
  // A child made by fork(2) has no mappings of the regions.
  const ForkMark fork_mark_;
  std::atomic<bool> agreed_{false};
  std::atomic<bool> shut_down_{false};
  std::atomic<bool> receiving_ended_{false};
  // The sender's: what has gone to the socket without the parts, or that they
  // send.
  enum class Sent : uint8_t { kNothing, kWholeFrames, kPartOfFrame, kByParts };
  Sent sent_ = Sent::kNothing;
  bool malformed_ = false;              // the receiver's; without the parts
  std::atomic<Parts*> parts_{nullptr};  // owned
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_RING_TRANSPORT_H_
