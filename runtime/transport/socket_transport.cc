#include "transport/socket_transport.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "os/background_close.h"
#include "os/syscalls.h"
#include "transport/packet_transport.h"
#include "transport/send_error.h"
#include "transport/stream_transport.h"

namespace fdrpc {

SocketTransport::~SocketTransport() {
  CloseDrained(std::move(socket_), packets_);
}

void SocketTransport::ShutdownReceive() {
  // A send of the peer either completes before this, and its bytes wait to be
  // received, or fails with EPIPE and keeps its descriptors
  // (unix_stream_sendmsg, unix_dgram_sendmsg and unix_shutdown in
  // net/unix/af_unix.c; the contract test).
  Syscalls::Get().shutdown(socket_.get(), SHUT_RD);
}

void SocketTransport::Shutdown() {
  Syscalls::Get().shutdown(socket_.get(), SHUT_RDWR);
}

void SocketTransport::SetFailure(int error, const FrameToSend& frame,
                                 bool with_descriptors, SendResult& result) {
  using Outcome = SendResult::Outcome;
  if (error == EAGAIN) {
    result.outcome = Outcome::kWouldBlock;
  } else if (!result.next_partly_sent &&
             ConcernsFrameOnly(error, with_descriptors)) {
    result.outcome = Outcome::kRefused;
    result.error = Refusal(error, frame.descriptors());
  } else if (error == EPIPE || error == ECONNRESET || error == ECONNREFUSED) {
    // Kernels before 6.2 return ECONNREFUSED to a sender of packets while the
    // peer closes.
    result.outcome = Outcome::kClosed;
  } else {
    result.outcome = Outcome::kBroken;
    result.error =
        absl::UnavailableError(absl::StrCat("sending failed: errno ", error));
  }
}

Transport::ReceiveResult SocketTransport::ReceiveFailure(int error) {
  if (error == EAGAIN) {
    return {.outcome = ReceiveOutcome::kWouldBlock, .error = {}};
  }
  if (error == ECONNRESET) {
    return {.outcome = ReceiveOutcome::kClosed, .error = {}};
  }
  return {.outcome = ReceiveOutcome::kBroken,
          .error = absl::UnavailableError(
              absl::StrCat("receiving failed: errno ", error))};
}

std::unique_ptr<Transport> CreateSocketTransport(UniqueFd socket, int type) {
  if (type == SOCK_SEQPACKET) {
    return std::make_unique<PacketTransport>(std::move(socket));
  }
  return std::make_unique<StreamTransport>(std::move(socket));
}

}  // namespace fdrpc
