#ifndef FDRPC_SERVER_DATAGRAM_ORIGIN_H_
#define FDRPC_SERVER_DATAGRAM_ORIGIN_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "server/call_environment.h"
#include "server/connected_peer.h"
#include "server/datagram_calls.h"
#include "server/incoming_call.h"

namespace fdrpc {

// What a call has instead of a connection, if it came in a datagram: collects
// the frames of its answer, and sends them together at its end.
class DatagramOrigin final : public IncomingCall::Origin {
 public:
  // Keeps `host`, which keeps `calls`.
  DatagramOrigin(DatagramCalls& calls, std::shared_ptr<const void> host,
                 std::shared_ptr<DatagramCalls::User> user,
                 const PeerCredentials& peer, DatagramSender sender,
                 const DatagramTag& tag);

  const CallEnvironment& environment() const { return environment_; }
  const DatagramSender& sender() const { return sender_; }

  // Implementation of IncomingCall::Origin.
  bool HasRoom() override { return true; }
  void Enqueue(OutgoingFrames&& frames) override ABSL_LOCKS_EXCLUDED(mu_);
  void Flush() override ABSL_LOCKS_EXCLUDED(mu_);
  bool LetsLinger() override { return true; }
  void StartLater(std::shared_ptr<IncomingCall> call) override {
    call->Start();
  }
  void StartNext() override {}
  void EndCall(uint32_t id, OutgoingFrames end) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnCallGone(bool one_way) override;

 private:
  DatagramCalls& calls_;
  const std::shared_ptr<const void> host_;
  const std::shared_ptr<DatagramCalls::User> user_;
  const ConnectedPeer peer_;
  const DatagramSender sender_;
  const DatagramTag tag_;
  const CallEnvironment environment_;

  Mutex mu_;
  OutgoingFrames answer_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_DATAGRAM_ORIGIN_H_
