#ifndef FDRPC_TRANSPORT_LOOPBACK_TRANSPORT_H_
#define FDRPC_TRANSPORT_LOOPBACK_TRANSPORT_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"
#include "os/fork_generation.h"
#include "transport/transport.h"

namespace fdrpc {

// Two transports in one process that are each other's peer. Frames move through
// memory, and descriptors are duplicated, as through a socket. Used for calls
// within a process, and by tests.
//
// It accepts everything that it is given. The layers above limit what is in
// transit, by the credit of streams and the number of concurrent calls.
class LoopbackTransport final : public Transport {
 public:
  using Pair = std::pair<std::unique_ptr<LoopbackTransport>,
                         std::unique_ptr<LoopbackTransport>>;
  // With a `capacity`, each direction holds at most that many frames that were
  // not received. Nothing reports when there is room again, since pollable_fd()
  // is always writable; this is for tests, which try again by themselves.
  static absl::StatusOr<Pair> CreatePair(
      size_t capacity = std::numeric_limits<size_t>::max());

  ~LoopbackTransport() override;

  SendResult Send(absl::Span<const FrameToSend> frames) override;
  ReceiveResult Receive() override;
  NextResult Next(IncomingFrame& frame) override;
  std::optional<uint64_t> PartialFrame() const override { return {}; }
  void ReleaseIdleMemory() override {}
  int pollable_fd() const override;
  void ShutdownReceive() override;
  void Shutdown() override;

 private:
  class Pipe;
  struct FrameInTransit {
    std::string bytes;
    std::vector<UniqueFd> descriptors;
  };

  LoopbackTransport(std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out);
  static absl::StatusOr<FrameInTransit> Transfer(const FrameToSend& frame);

  const std::shared_ptr<Pipe> in_;
  const std::shared_ptr<Pipe> out_;
  const ForkMark fork_mark_;
  std::deque<FrameInTransit> received_;  // not yet returned by Next()
  std::string current_;  // the bytes that the last returned frame borrows
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_LOOPBACK_TRANSPORT_H_
