#include "connection/message_pieces.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "call/contiguous_message.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream.h"
#include "os/payload_memory.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

// Below this size, copying a field is cheaper than an additional piece.
constexpr size_t kLeastSharedField = 64u << 10;
// The size of the buffer that the serialiser gets at a time. A field is not
// copied if it is larger than the rest of the buffer.
constexpr size_t kMostWindow = 32u << 10;
constexpr size_t kLeastWindow = 64;
// The size of the first buffer for the bytes around large fields.
constexpr size_t kFirstBufferBytes = 4u << 10;

// Writes a message of `bytes` bytes into one buffer for each piece.
class PieceStream final : public google::protobuf::io::ZeroCopyOutputStream {
 public:
  explicit PieceStream(size_t bytes) : left_(bytes) {}

  bool Next(void** data, int* size) override {
    last_ = std::min<size_t>(kMaxPieceBytes, left_);
    if (last_ == 0) return false;
    // The rest of a piece, after a BackUp(), is given out again.
    if (backed_up_ > 0) {
      last_ = std::exchange(backed_up_, 0);
    } else {
      auto buffer = std::make_shared<PayloadBuffer>(NewPayload(last_, last_));
      data_ = buffer->data();
      pieces_.push_back({{{data_, last_}, std::move(buffer)}});
      used_ = 0;
    }
    *data = data_ + used_;
    *size = static_cast<int>(last_);
    used_ += last_;
    left_ -= last_;
    return true;
  }
  void BackUp(int count) override {
    backed_up_ = static_cast<size_t>(count);
    used_ -= backed_up_;
    left_ += backed_up_;
  }
  int64_t ByteCount() const override { return 0; }

  MessagePieces Take() { return std::move(pieces_); }

 private:
  MessagePieces pieces_;
  char* data_ = nullptr;  // of the last piece
  size_t left_;
  size_t used_ = 0;  // of the last piece
  size_t last_ = 0;
  size_t backed_up_ = 0;
};

// Collects a message as a list of bytes that stay in the message and bytes that
// are copied into buffers.
class SharingStream final : public google::protobuf::io::ZeroCopyOutputStream {
 public:
  explicit SharingStream(
      std::shared_ptr<const google::protobuf::MessageLite> message)
      : message_(std::move(message)) {}

  bool Next(void** data, int* size) override {
    if (buffer_ == nullptr || buffer_->capacity() - used_ < kLeastWindow) {
      buffer_ = std::make_shared<PayloadBuffer>(
          buffer_ == nullptr
              ? PayloadBuffer::Allocate(kFirstBufferBytes)
              : NewPayload(kPayloadBlockBytes, kPayloadBlockBytes));
      used_ = 0;
    }
    const size_t given = std::min(kMostWindow, buffer_->capacity() - used_);
    *data = buffer_->data() + used_;
    *size = static_cast<int>(given);
    Add({buffer_->data() + used_, given}, buffer_);
    used_ += given;
    return true;
  }
  void BackUp(int count) override {
    const auto unused = static_cast<size_t>(count);
    used_ -= unused;
    views_.back().bytes.remove_suffix(unused);
    if (views_.back().bytes.empty()) views_.pop_back();
  }
  int64_t ByteCount() const override { return 0; }

  bool AllowsAliasing() const override { return true; }
  bool WriteAliasedRaw(const void* data, int size) override {
    std::string_view bytes(static_cast<const char*>(data),
                           static_cast<size_t>(size));
    if (bytes.size() >= kLeastSharedField) {
      Add(bytes, message_);
      return true;
    }
    while (!bytes.empty()) {
      void* to;
      int room;
      Next(&to, &room);
      const size_t copied = std::min(bytes.size(), static_cast<size_t>(room));
      std::memcpy(to, bytes.data(), copied);
      bytes.remove_prefix(copied);
      BackUp(room - static_cast<int>(copied));
    }
    return true;
  }

  // What was collected, cut into pieces.
  MessagePieces Take() {
    MessagePieces pieces;
    size_t room = 0;
    for (SharedBytes& view : views_) {
      while (!view.bytes.empty()) {
        if (room == 0) {
          pieces.emplace_back();
          room = kMaxPieceBytes;
        }
        const std::string_view part = view.bytes.substr(0, room);
        pieces.back().push_back({part, view.owner});
        view.bytes.remove_prefix(part.size());
        room -= part.size();
      }
    }
    return pieces;
  }

 private:
  void Add(std::string_view bytes, const std::shared_ptr<const void>& owner) {
    if (!views_.empty()) {
      SharedBytes& last = views_.back();
      // Compares pointers, since iterators of two views may not be compared.
      if (last.owner == owner &&
          last.bytes.data() + last.bytes.size() == bytes.data()) {
        last.bytes = {last.bytes.data(), last.bytes.size() + bytes.size()};
        return;
      }
    }
    views_.push_back({bytes, owner});
  }

  const std::shared_ptr<const void> message_;
  std::vector<SharedBytes> views_;
  std::shared_ptr<const PayloadBuffer> buffer_;
  size_t used_ = 0;  // of the buffer
};

}  // namespace

MessagePieces SerialisePieces(const google::protobuf::MessageLite& message,
                              size_t bytes) {
  if (bytes <= kMaxPieceBytes) {
    auto only = std::make_shared<PayloadBuffer>(NewPayload(bytes, bytes));
    SerialiseContiguous(message, only->data(), bytes);
    const std::string_view view(only->data(), bytes);
    return {{{view, std::move(only)}}};
  }
  PieceStream stream(bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  message.SerializeWithCachedSizes(&coded);
  coded.Trim();
  return stream.Take();
}

MessagePieces SharePieces(
    const std::shared_ptr<const google::protobuf::MessageLite>& message) {
  SharingStream stream(message);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.EnableAliasing(true);
  message->SerializeWithCachedSizes(&coded);
  coded.Trim();
  return stream.Take();
}

}  // namespace fdrpc
