#ifndef FDRPC_TRANSPORT_GATHERED_FRAMES_H_
#define FDRPC_TRANSPORT_GATHERED_FRAMES_H_

#include <algorithm>
#include <cstddef>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "os/ancillary.h"
#include "transport/frame.h"

namespace fdrpc {

// The bytes of one sendmsg(2), which the frames keep: whole frames, of which
// only the first may carry descriptors.
class GatheredFrames {
 public:
  // Less the first `skip` bytes, which are gone already.
  void Add(const OutgoingFrame& frame, size_t skip = 0) {
    const size_t skip_head = std::min(skip, frame.head.size());
    const size_t skip_body = skip - skip_head;
    AddPiece(frame.head.data() + skip_head, frame.head.size() - skip_head);
    const std::string_view body = frame.body_view().substr(skip_body);
    AddPiece(body.data(), body.size());
    ++frames_;
  }
  // The first, of which nothing but the header goes this way.
  void AddHeader(const char* header) {
    AddPiece(header, kFrameHeaderBytes);
    ++frames_;
  }
  // Whether `frame` can go in the same sendmsg(2).
  bool TakesBehind(const OutgoingFrame& frame) const {
    return frame.descriptors.empty() && frames_ < kMostFrames;
  }

  size_t frames() const { return frames_; }
  size_t bytes() const { return bytes_; }
  absl::Span<const iovec> pieces() const { return pieces_; }

 private:
  // Of two pieces each.
  static constexpr size_t kMostFrames = 256;

  void AddPiece(const char* data, size_t size) {
    if (size == 0) return;
    pieces_.push_back({.iov_base = const_cast<char*>(data), .iov_len = size});
    bytes_ += size;
  }

  absl::InlinedVector<iovec, 8> pieces_;
  size_t frames_ = 0;
  size_t bytes_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_GATHERED_FRAMES_H_
