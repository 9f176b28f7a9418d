#ifndef FDRPC_TRANSPORT_PACKET_TRANSPORT_H_
#define FDRPC_TRANSPORT_PACKET_TRANSPORT_H_

#include <cstddef>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "fdrpc/unique_fd.h"
#include "os/ancillary.h"
#include "os/descriptor_flight.h"
#include "transport/gathered_frames.h"
#include "transport/transport.h"
#include "wire/limits.h"

namespace fdrpc {

// Frames over a connected seqpacket socket, which it owns: whole frames in each
// packet, and the payload of one that is larger than a packet in a sealed
// memory file (docs/protocol.md, "Packets").
class PacketTransport final : public Transport {
 public:
  // `socket` is connected and non-blocking.
  static std::unique_ptr<PacketTransport> Create(UniqueFd socket);
  ~PacketTransport() override;

  void CountInFlight(DescriptorQuota& together) override {
    flight_.CountTogether(together);
  }
  SendResult Send(absl::Span<const FrameToSend> frames) override;
  ReceiveResult Receive() override;
  NextResult Next(IncomingFrame& frame) override;
  std::optional<uint64_t> PartialFrame() const override { return {}; }
  void ReleaseIdleMemory() override;
  int pollable_fd() const override { return socket_.get(); }
  void ShutdownReceive() override;
  void Shutdown() override;

 private:
  explicit PacketTransport(UniqueFd socket) : socket_(std::move(socket)) {}

  // One packet of frames from the front of `frames`. The number that is gone,
  // or what `result` says then.
  size_t SendPacket(absl::Span<const FrameToSend> frames, SendResult& result);
  // Of `frame`, and those behind it.
  static void Failed(int error, const FrameToSend& frame, bool with_descriptors,
                     SendResult& result);
  // Why what arrived breaks the protocol, or OK and the frame.
  absl::Status Decode(IncomingFrame& frame);
  absl::Status TakeSealedPayload(IncomingFrame& frame);

  UniqueFd socket_;
  DescriptorFlight flight_;
  // The sender's: of a packet. Less than the protocol's where the socket's send
  // buffer is smaller.
  size_t most_bytes_ = kMaxPacketBytes;

  // The receiver's, as are the rest: kMaxPacketBytes, or null.
  std::unique_ptr<char[]> buffer_;
  std::string_view left_;  // of the packet in it
  bool at_start_ = false;  // a packet is there of which nothing is taken
  ReceivedDescriptors set_;
  bool cut_off_ = false;  // the packet is too long
  bool malformed_ = false;
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_PACKET_TRANSPORT_H_
