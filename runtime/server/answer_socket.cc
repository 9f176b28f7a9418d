#include "server/answer_socket.h"

namespace fdrpc {
namespace {

size_t BytesOf(const OutgoingDatagram& datagram) {
  size_t bytes = 0;
  for (const iovec& piece : datagram.pieces()) bytes += piece.iov_len;
  return bytes;
}

}  // namespace

IoResult AnswerSocket::Send(const OutgoingDatagram& datagram,
                            const SocketName* to) const {
  return SendWithDescriptors(fd(), datagram.pieces(), datagram.descriptors(),
                             nullptr, to);
}

std::optional<IoResult> AnswerSocket::SendCounted(
    const OutgoingDatagram& datagram, const SocketName* to) {
  const size_t count = datagram.descriptors().size();
  MutexLock lock(mu_);
  flight_.BeforeSend(fd());
  if (count > 0 && !flight_.MaySend(fd(), count)) return std::nullopt;
  const IoResult io = Send(datagram, to);
  if (io.error == 0) flight_.Sent(BytesOf(datagram), count);
  return io;
}

}  // namespace fdrpc
