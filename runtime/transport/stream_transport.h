#ifndef FDRPC_TRANSPORT_STREAM_TRANSPORT_H_
#define FDRPC_TRANSPORT_STREAM_TRANSPORT_H_

#include <cstdint>
#include <memory>

#include "fdrpc/unique_fd.h"
#include "os/descriptor_flight.h"
#include "os/payload_memory.h"
#include "transport/arrived_sets.h"
#include "transport/transport.h"
#include "wire/frame_decoder.h"

namespace fdrpc {

// Frames over a connected stream socket, which it owns.
class StreamTransport final : public Transport {
 public:
  // `socket` must be connected and non-blocking.
  static std::unique_ptr<StreamTransport> Create(UniqueFd socket);
  ~StreamTransport() override;

  void CountInFlight(DescriptorQuota& together) override {
    flight_.CountTogether(together);
  }
  SendResult Send(absl::Span<const FrameToSend> frames) override;
  ReceiveResult Receive() override;
  NextResult Next(IncomingFrame& frame) override;
  std::optional<uint64_t> PartialFrame() const override;
  void ReleaseIdleMemory() override { decoder_.ReleaseIfEmpty(); }
  int pollable_fd() const override { return socket_.get(); }
  void ShutdownReceive() override;
  void Shutdown() override;

 private:
  explicit StreamTransport(UniqueFd socket) : socket_(std::move(socket)) {}

  UniqueFd socket_;
  DescriptorFlight flight_;
  size_t sent_of_first_ = 0;  // bytes sent of the first unsent frame
  FrameDecoder decoder_{NewPayload};
  ArrivedSets sets_;
  bool malformed_ = false;
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_STREAM_TRANSPORT_H_
