#ifndef FDRPC_TRANSPORT_PACKET_TRANSPORT_H_
#define FDRPC_TRANSPORT_PACKET_TRANSPORT_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/unique_fd.h"
#include "os/ancillary.h"
#include "transport/gathered_frames.h"
#include "transport/socket_transport.h"
#include "wire/limits.h"

namespace fdrpc {

// Frames over a connected seqpacket socket, which it owns. A packet holds whole
// frames. The payload of a frame that is larger than a packet goes in a sealed
// memory file (docs/protocol.md, "Packets").
class PacketTransport final : public SocketTransport {
 public:
  // `socket` must be connected and non-blocking.
  explicit PacketTransport(UniqueFd socket)
      : SocketTransport(std::move(socket), /*packets=*/true) {}

  SendResult Send(absl::Span<const FrameToSend> frames) override;
  ReceiveResult Receive() override;
  NextResult Next(IncomingFrame& frame) override;
  std::optional<uint64_t> PartialFrame() const override { return {}; }
  void ReleaseIdleMemory() override;

 private:
  // Sends one packet of frames from the front of `frames`. Returns the number
  // of frames that were sent, or 0 with `result` set.
  size_t SendPacket(absl::Span<const FrameToSend> frames, SendResult& result);
  // Decodes the next frame, or returns how the packet breaks the protocol.
  absl::Status Decode(IncomingFrame& frame);
  absl::Status TakeSealedPayload(IncomingFrame& frame);

  // For the sender: the largest packet. Less than the protocol's limit if the
  // socket's send buffer is smaller.
  size_t most_bytes_ = kMaxPacketBytes;

  // For the receiver, as are the members below: kMaxPacketBytes, or null.
  std::unique_ptr<char[]> buffer_;
  std::string_view left_;  // the rest of the packet
  bool at_start_ = false;  // there is a packet of which nothing was taken
  ReceivedDescriptors set_;
  bool cut_off_ = false;  // the packet is too long
  bool malformed_ = false;
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_PACKET_TRANSPORT_H_
