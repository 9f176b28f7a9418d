#ifndef FDRPC_TRANSPORT_GATHERED_FRAMES_H_
#define FDRPC_TRANSPORT_GATHERED_FRAMES_H_

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "os/ancillary.h"
#include "transport/frame.h"

namespace fdrpc {

// The pieces of memory for one sendmsg(2), borrowed from whole frames, of which
// only the first may have descriptors. Adjacent bytes become one piece.
class GatheredFrames {
 public:
  // Adds a frame without its first `skip` bytes, which have been sent.
  void Add(const FrameToSend& frame, size_t skip = 0) {
    assert(frames_ == 0 || CanAppend(frame));
    AddBytes(frame.head, skip);
    for (const SharedBytes& piece : frame.body()) AddBytes(piece.bytes, skip);
    ++frames_;
  }
  // Adds the first frame, if only its header is sent in this way.
  void AddHeader(const char* header) {
    assert(frames_ == 0);
    AddPiece(header, kFrameHeaderBytes);
    ++frames_;
  }
  // Whether `frame` can go in the same sendmsg(2).
  bool CanAppend(const FrameToSend& frame) const {
    return frame.descriptors().empty() &&
           pieces_.size() + 1 + frame.body().size() <= kMostPieces;
  }

  size_t frames() const { return frames_; }
  size_t bytes() const { return bytes_; }
  absl::Span<const iovec> pieces() const { return pieces_; }

 private:
  // The kernel accepts UIO_MAXIOV pieces, which is twice as many. A single
  // frame has some dozens at most.
  static constexpr size_t kMostPieces = 512;

  // Without the rest of `skip`.
  void AddBytes(std::string_view bytes, size_t& skip) {
    const size_t skipped = std::min(skip, bytes.size());
    skip -= skipped;
    AddPiece(bytes.data() + skipped, bytes.size() - skipped);
  }
  void AddPiece(const char* data, size_t size) {
    if (size == 0) return;
    bytes_ += size;
    if (!pieces_.empty() && data == end_) {
      pieces_.back().iov_len += size;
    } else {
      pieces_.push_back({.iov_base = const_cast<char*>(data), .iov_len = size});
    }
    end_ = data + size;
  }

  absl::InlinedVector<iovec, 8> pieces_;
  const char* end_ = nullptr;  // of the last piece
  size_t frames_ = 0;
  size_t bytes_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_GATHERED_FRAMES_H_
