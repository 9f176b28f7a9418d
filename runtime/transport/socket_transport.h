#ifndef FDRPC_TRANSPORT_SOCKET_TRANSPORT_H_
#define FDRPC_TRANSPORT_SOCKET_TRANSPORT_H_

#include <memory>
#include <utility>

#include "fdrpc/unique_fd.h"
#include "os/descriptor_flight.h"
#include "transport/transport.h"

namespace fdrpc {

// The common part of the transports over sockets: owns the socket, counts the
// descriptors that are in flight there, and says what its errors mean. Neither
// sends nor receives.
class SocketTransport : public Transport {
 public:
  ~SocketTransport() override;

  void CountInFlight(DescriptorQuota& together) final {
    flight_.CountTogether(together);
  }
  int pollable_fd() const final { return socket_.get(); }
  void ShutdownReceive() final;
  void Shutdown() final;

 protected:
  // `socket` must be connected and non-blocking.
  SocketTransport(UniqueFd socket, bool packets)
      : socket_(std::move(socket)), packets_(packets) {}

  DescriptorFlight& flight() { return flight_; }

  // Sets `result` to the failure of `frame` and of those after it. If
  // next_partly_sent is set, the frame cannot be refused any more.
  static void SetFailure(int error, const FrameToSend& frame,
                         bool with_descriptors, SendResult& result);
  static ReceiveResult ReceiveFailure(int error);

 private:
  UniqueFd socket_;
  const bool packets_;
  DescriptorFlight flight_;
};

// A transport over a socket of that type: SOCK_STREAM or SOCK_SEQPACKET.
std::unique_ptr<Transport> CreateSocketTransport(UniqueFd socket, int type);

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_SOCKET_TRANSPORT_H_
