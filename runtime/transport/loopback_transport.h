#ifndef FDRPC_TRANSPORT_LOOPBACK_TRANSPORT_H_
#define FDRPC_TRANSPORT_LOOPBACK_TRANSPORT_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "transport/transport.h"

namespace fdrpc {

// Two transports of one process that are each other's peer: frames move through
// memory, descriptors are duplicated, as a socket would do it. For what runs
// above a transport, without a socket.
class LoopbackTransport final : public Transport {
 public:
  using Pair = std::pair<std::unique_ptr<LoopbackTransport>,
                         std::unique_ptr<LoopbackTransport>>;
  // Each direction holds at most `capacity` frames that were not received.
  static absl::StatusOr<Pair> CreatePair(size_t capacity = 1024);

  ~LoopbackTransport() override;

  SendResult Send(absl::Span<OutgoingFrame* const> frames) override;
  ReceiveResult Receive() override;
  NextResult Next(IncomingFrame& frame) override;
  std::optional<uint64_t> PartialFrame() const override { return {}; }
  void ReleaseIdleMemory() override {}
  int pollable_fd() const override;
  void ShutdownReceive() override;
  void Shutdown() override;

 private:
  class Pipe;

  LoopbackTransport(std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out);

  const std::shared_ptr<Pipe> in_;
  const std::shared_ptr<Pipe> out_;
  std::string current_;  // the bytes that the last frame given borrows
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_LOOPBACK_TRANSPORT_H_
