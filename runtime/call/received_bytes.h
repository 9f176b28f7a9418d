#ifndef FDRPC_CALL_RECEIVED_BYTES_H_
#define FDRPC_CALL_RECEIVED_BYTES_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/payload_buffer.h"
#include "google/protobuf/message_lite.h"

namespace fdrpc {

// The bytes of a message, in the pieces in which they arrived: small ones are
// copied together, large ones stay in the buffers into which they were
// received. Does not know whether the message is complete.
class ReceivedBytes {
 public:
  ReceivedBytes() = default;
  explicit ReceivedBytes(std::string bytes)
      : size_(bytes.size()), first_(std::move(bytes)) {}

  // Takes `piece`, which is in `buffer`; or copies it, if `buffer` is empty or
  // much larger than the piece.
  void Append(std::string_view piece, PayloadBuffer&& buffer);

  size_t size() const { return size_; }

  // Drops the bytes and their memory.
  void Clear() {
    size_ = 0;
    if (!first_.empty()) std::string().swap(first_);
    if (!pieces_.empty()) std::vector<Piece>().swap(pieces_);
  }

  // Parses the bytes into `message`; false if they are not such a message.
  // Frees each piece as soon as possible.
  bool ParseInto(google::protobuf::MessageLite& message) &&;

  std::string ToString() const;

 private:
  friend class ReceivedBytesStream;

  // All bytes in one buffer, while the pieces are freed. Empty, and nothing is
  // changed, if there is no memory for it.
  PayloadBuffer Join();

  // A piece in its buffer, and the bytes that were copied after it.
  struct Piece {
    PayloadBuffer buffer;
    std::string_view bytes;
    std::string behind;
  };

  size_t size_ = 0;
  std::string first_;
  std::vector<Piece> pieces_;
};

}  // namespace fdrpc

#endif  // FDRPC_CALL_RECEIVED_BYTES_H_
