#include "call/contiguous_message.h"

#include <cstdint>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace fdrpc {
namespace {

// Less than memcpy(3) uses `rep movsb` for (2 KiB with the shortest vectors).
constexpr int kStep = 2000;
// Larger buffers are not from the heap, and are laid out for this
// (os/payload_memory.h).
constexpr size_t kMostBytes = 128u << 10;

bool InSteps(size_t bytes) { return bytes > kStep && bytes <= kMostBytes; }

}  // namespace

bool ParseContiguous(google::protobuf::MessageLite& message,
                     std::string_view bytes) {
  const int size = static_cast<int>(bytes.size());
  if (!InSteps(bytes.size())) {
    return message.ParseFromArray(bytes.data(), size);
  }
  google::protobuf::io::ArrayInputStream stream(bytes.data(), size, kStep);
  return message.ParseFromBoundedZeroCopyStream(&stream, size);
}

void SerialiseContiguous(const google::protobuf::MessageLite& message, char* to,
                         size_t bytes) {
  if (!InSteps(bytes)) {
    (void)message.SerializeWithCachedSizesToArray(
        reinterpret_cast<uint8_t*>(to));
    return;
  }
  google::protobuf::io::ArrayOutputStream stream(to, static_cast<int>(bytes),
                                                 kStep);
  google::protobuf::io::CodedOutputStream coded(&stream);
  message.SerializeWithCachedSizes(&coded);
}

}  // namespace fdrpc
