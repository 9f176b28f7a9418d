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

// The bytes of a message, in the pieces that they arrived in: small ones copied
// one behind the other, large ones in the buffers that they were received into.
class ReceivedBytes {
 public:
  ReceivedBytes() = default;
  explicit ReceivedBytes(std::string bytes)
      : size_(bytes.size()), first_(std::move(bytes)) {}

  // Takes `piece`, which lies in `buffer`; or copies it, if `buffer` is empty
  // or so much larger that it would be a waste.
  void Append(std::string_view piece, PayloadBuffer buffer);

  size_t size() const { return size_; }

  // Lets go of them, and of their memory.
  void Clear() {
    size_ = 0;
    if (!first_.empty()) std::string().swap(first_);
    if (!pieces_.empty()) std::vector<Piece>().swap(pieces_);
  }

  // Parses them into `message`. False if they are no such message. Lets go of
  // the pieces, each as soon as it can be.
  bool ParseInto(google::protobuf::MessageLite& message) &&;

  std::string ToString() const;

 private:
  friend class ReceivedBytesStream;

  // A piece in its buffer, and what was copied behind it.
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
