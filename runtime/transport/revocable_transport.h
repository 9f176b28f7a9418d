#ifndef FDRPC_TRANSPORT_REVOCABLE_TRANSPORT_H_
#define FDRPC_TRANSPORT_REVOCABLE_TRANSPORT_H_

#include <memory>

#include "os/fork_generation.h"
#include "transport/transport.h"

namespace fdrpc {

// Ends a transport that another object owns, for a connection that must not
// outlive another one.
//
// Threads: any, one at a time.
class TransportRevoker {
 public:
  // Ends nothing.
  TransportRevoker() = default;
  ~TransportRevoker() { Revoke(); }
  TransportRevoker(TransportRevoker&&) = default;
  TransportRevoker& operator=(TransportRevoker&& other) noexcept;

  // Ends both directions of the transport, if it still exists, as
  // Transport::Shutdown() does. Further calls do nothing. In a child made by
  // fork(2), the transport is the parent's, and continues.
  void Revoke();

 private:
  friend struct RevocableTransport;
  explicit TransportRevoker(std::weak_ptr<Transport> transport)
      : transport_(std::move(transport)) {}

  std::weak_ptr<Transport> transport_;
  ForkMark fork_mark_;
};

// A transport with the means to end it.
struct RevocableTransport {
  // `transport` moves frames for the one that is made, which owns it.
  static RevocableTransport Of(std::unique_ptr<Transport> transport);

  std::unique_ptr<Transport> transport;
  TransportRevoker revoker;
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_REVOCABLE_TRANSPORT_H_
