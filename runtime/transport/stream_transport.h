#ifndef FDRPC_TRANSPORT_STREAM_TRANSPORT_H_
#define FDRPC_TRANSPORT_STREAM_TRANSPORT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "fdrpc/unique_fd.h"
#include "os/payload_memory.h"
#include "transport/arrived_sets.h"
#include "transport/socket_transport.h"
#include "wire/frame_decoder.h"

namespace fdrpc {

// Frames over a connected stream socket, which it owns.
class StreamTransport final : public SocketTransport {
 public:
  // `socket` must be connected and non-blocking.
  explicit StreamTransport(UniqueFd socket)
      : SocketTransport(std::move(socket), /*packets=*/false) {}

  void RefuseDescriptors() override;
  SendResult Send(absl::Span<const FrameToSend> frames) override;
  ReceiveResult Receive() override;
  NextResult Next(IncomingFrame& frame) override;
  std::optional<uint64_t> PartialFrame() const override;
  void ReleaseIdleMemory() override { decoder_.ReleaseIfEmpty(); }

 private:
  size_t sent_of_first_ = 0;  // bytes sent of the first unsent frame
  FrameDecoder decoder_{NewPayload};
  ArrivedSets sets_;
  bool malformed_ = false;
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_STREAM_TRANSPORT_H_
