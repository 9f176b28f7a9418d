#include "transport/revocable_transport.h"

#include <optional>
#include <utility>

namespace fdrpc {
namespace {

// Passes everything on to a transport that a revoker may end meanwhile.
class ForwardingTransport final : public Transport {
 public:
  explicit ForwardingTransport(std::shared_ptr<Transport> to)
      : to_(std::move(to)) {}

  uint64_t features() const override { return to_->features(); }
  void OnFeatures(uint64_t of_both) override { to_->OnFeatures(of_both); }
  void CountInFlight(DescriptorQuota& quota) override {
    to_->CountInFlight(quota);
  }
  void RefuseDescriptors() override { to_->RefuseDescriptors(); }
  SendResult Send(absl::Span<const FrameToSend> frames) override {
    return to_->Send(frames);
  }
  bool due() const override { return to_->due(); }
  ReceiveResult Receive() override { return to_->Receive(); }
  NextResult Next(IncomingFrame& frame) override { return to_->Next(frame); }
  std::optional<uint64_t> PartialFrame() const override {
    return to_->PartialFrame();
  }
  void ReleaseIdleMemory() override { to_->ReleaseIdleMemory(); }
  int pollable_fd() const override { return to_->pollable_fd(); }
  bool PrepareToSleep() override { return to_->PrepareToSleep(); }
  bool MayReceive() override { return to_->MayReceive(); }
  bool arrives_in_memory() const override { return to_->arrives_in_memory(); }
  void OnBusy() override { to_->OnBusy(); }
  void OnIdle() override { to_->OnIdle(); }
  bool uses_memory() const override { return to_->uses_memory(); }
  void ShutdownReceive() override { to_->ShutdownReceive(); }
  void ShutdownReceiveSoon() override { to_->ShutdownReceiveSoon(); }
  void Shutdown() override { to_->Shutdown(); }

 private:
  const std::shared_ptr<Transport> to_;
};

}  // namespace

TransportRevoker& TransportRevoker::operator=(
    TransportRevoker&& other) noexcept {
  if (this == &other) return *this;
  Revoke();
  transport_ = std::move(other.transport_);
  fork_mark_ = other.fork_mark_;
  return *this;
}

void TransportRevoker::Revoke() {
  if (fork_mark_.inherited()) return;
  if (const std::shared_ptr<Transport> transport =
          std::exchange(transport_, {}).lock()) {
    transport->Shutdown();
  }
}

RevocableTransport RevocableTransport::Of(
    std::unique_ptr<Transport> transport) {
  std::shared_ptr<Transport> shared = std::move(transport);
  TransportRevoker revoker(shared);
  return {.transport = std::make_unique<ForwardingTransport>(std::move(shared)),
          .revoker = std::move(revoker)};
}

}  // namespace fdrpc
