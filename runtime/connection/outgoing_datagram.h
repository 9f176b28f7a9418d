#ifndef FDRPC_CONNECTION_OUTGOING_DATAGRAM_H_
#define FDRPC_CONNECTION_OUTGOING_DATAGRAM_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "connection/frame_builder.h"
#include "os/ancillary.h"
#include "transport/frame.h"

namespace fdrpc {

// The pieces of memory and the descriptors of one datagram, borrowed from its
// header and its frames, of which one has descriptors, if any.
class OutgoingDatagram {
 public:
  OutgoingDatagram(const std::string& header, const OutgoingFrames& frames) {
    Add(header);
    for (const OutgoingFrame& frame : frames) {
      Add(frame.head);
      if (frame.attached == nullptr) continue;
      for (const SharedBytes& piece : frame.attached->body) Add(piece.bytes);
      for (const AttachedFd& fd : frame.attached->descriptors) {
        fds_.push_back(fd.get());
      }
    }
  }

  absl::Span<const iovec> pieces() const { return pieces_; }
  absl::Span<const int> descriptors() const { return fds_; }

 private:
  void Add(std::string_view bytes) {
    if (bytes.empty()) return;
    pieces_.push_back(
        {.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()});
  }

  absl::InlinedVector<iovec, 4> pieces_;
  absl::InlinedVector<int, 4> fds_;
};

// How many bytes the frames add to a datagram.
inline size_t BytesOf(const OutgoingFrames& frames) {
  size_t bytes = 0;
  for (const OutgoingFrame& frame : frames) bytes += frame.bytes();
  return bytes;
}

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_OUTGOING_DATAGRAM_H_
