#include "call/received_bytes.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "call/contiguous_message.h"
#include "google/protobuf/io/zero_copy_stream.h"
#include "os/payload_memory.h"

namespace fdrpc {
namespace {

// A buffer is kept if the message fills at least this fraction of it.
constexpr size_t kMostWaste = 2;

// For a field that comes in pieces, Protocol Buffers reserve no more than this
// (kSafeStringSize in parse_context.h), and then double it again and again.
// That touches several times as much fresh memory as the field has, which costs
// more than anything else. For a field in one piece they take what it needs.
constexpr size_t kMostReserved = 50'000'000;

}  // namespace

void ReceivedBytes::Append(std::string_view piece, PayloadBuffer&& buffer) {
  size_ += piece.size();
  if (buffer.empty() || piece.size() < buffer.capacity() / kMostWaste) {
    if (!pieces_.empty()) {
      pieces_.back().behind.append(piece);
    } else if (first_.empty()) {
      first_ = std::string(piece);  // half of what append() takes
    } else {
      first_.append(piece);
    }
    return;
  }
  pieces_.push_back(
      {.buffer = std::move(buffer), .bytes = piece, .behind = {}});
}

// Reads the pieces one after the other, and frees each when the next one is
// asked for.
class ReceivedBytesStream final
    : public google::protobuf::io::ZeroCopyInputStream {
 public:
  explicit ReceivedBytesStream(ReceivedBytes& bytes) : bytes_(bytes) {}

  bool Next(const void** data, int* size) override {
    while (left_.empty()) {
      if (index_ > 2 * bytes_.pieces_.size()) return false;
      left_ = View(index_++);
    }
    *data = left_.data();
    *size = static_cast<int>(left_.size());
    given_ += *size;
    last_ = std::exchange(left_, {});
    return true;
  }
  void BackUp(int count) override {
    left_ = last_.substr(last_.size() - static_cast<size_t>(count));
    given_ -= count;
  }
  bool Skip(int count) override {
    const void* data;
    int size;
    while (count > 0 && Next(&data, &size)) {
      if (size > count) BackUp(size - count);
      count -= std::min(size, count);
    }
    return count == 0;
  }
  int64_t ByteCount() const override { return given_; }

 private:
  // The bytes that were copied first, then each piece and the bytes that were
  // copied after it.
  std::string_view View(size_t index) {
    if (index == 0) return bytes_.first_;
    ReceivedBytes::Piece& piece = bytes_.pieces_[(index - 1) / 2];
    if (index % 2 == 1) return piece.bytes;
    piece.buffer.Reset();
    return piece.behind;
  }

  ReceivedBytes& bytes_;
  size_t index_ = 0;  // of the next view
  std::string_view last_;
  std::string_view left_;
  int64_t given_ = 0;
};

bool ReceivedBytes::ParseInto(google::protobuf::MessageLite& message) && {
  if (size_ > std::numeric_limits<int>::max()) return false;
  // Protocol Buffers parse contiguous bytes fastest.
  if (first_.size() == size_) {
    return ParseContiguous(message, first_);
  }
  if (pieces_[0].bytes.size() == size_) {
    return ParseContiguous(message, pieces_[0].bytes);
  }
  if (size_ > kMostReserved) {
    const PayloadBuffer all = Join();
    if (!all.empty()) {
      return message.ParseFromArray(all.data(), static_cast<int>(size_));
    }
  }
  ReceivedBytesStream stream(*this);
  return message.ParseFromBoundedZeroCopyStream(&stream,
                                                static_cast<int>(size_));
}

PayloadBuffer ReceivedBytes::Join() {
  PayloadBuffer all = MapPayload(size_);
  if (all.empty()) return all;
  char* to = all.data();
  const auto move = [&to](std::string_view bytes) {
    to += bytes.copy(to, bytes.size());
  };
  move(first_);
  std::string().swap(first_);
  for (Piece& piece : pieces_) {
    move(piece.bytes);
    piece.buffer.Reset();
    move(piece.behind);
    std::string().swap(piece.behind);
  }
  return all;
}

std::string ReceivedBytes::ToString() const {
  std::string all = first_;
  for (const Piece& piece : pieces_)
    all.append(piece.bytes).append(piece.behind);
  return all;
}

}  // namespace fdrpc
