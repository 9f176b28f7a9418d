#ifndef FDRPC_TESTS_CONNECTION_BUILT_FRAMES_H_
#define FDRPC_TESTS_CONNECTION_BUILT_FRAMES_H_

#include <cstdint>
#include <string>

#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"
#include "tests/transport/frames.h"
#include "transport/frame.h"
#include "wire/frame_header.h"
#include "wire/limits.h"

namespace fdrpc::testing {

// A message that serialises to exactly `size` bytes, of varied content.
inline google::protobuf::BytesValue MessageOfSize(size_t size) {
  google::protobuf::BytesValue message;
  for (size_t overhead : {2u, 3u, 4u, 5u}) {
    if (size < overhead) continue;
    std::string content(size - overhead, '\0');
    for (size_t i = 0; i < content.size(); ++i) {
      content[i] = static_cast<char>(i * 7 + i / 1000);
    }
    message.set_value(content);
    if (message.ByteSizeLong() == size) return message;
  }
  EXPECT_EQ(size, 0u);
  message.clear_value();
  return message;
}

inline std::string BytesOf(const OutgoingFrame& frame) {
  std::string bytes = frame.head;
  if (frame.attached != nullptr) {
    for (const SharedBytes& piece : frame.attached->body) bytes += piece.bytes;
  }
  EXPECT_EQ(bytes.size(), frame.bytes());
  return bytes;
}

inline FrameHeader HeaderOf(const OutgoingFrame& frame) {
  return DecodeFrameHeader(frame.head.data());
}

// Checks what is true of every frame, and returns its payload.
inline std::string PayloadOf(const OutgoingFrame& frame) {
  const std::string bytes = BytesOf(frame);
  const FrameHeader header = HeaderOf(frame);
  EXPECT_EQ(header.payload_bytes, bytes.size() - kFrameHeaderBytes);
  EXPECT_LE(header.payload_bytes, kMaxFramePayloadBytes);
  EXPECT_EQ(header.descriptor_count, DescriptorsOf(frame).size());
  EXPECT_LE(header.descriptor_count, kMaxSentFrameDescriptors);
  EXPECT_EQ(header.call_id, frame.call_id);
  return bytes.substr(kFrameHeaderBytes);
}

inline uint8_t Type(FrameType type) { return static_cast<uint8_t>(type); }

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CONNECTION_BUILT_FRAMES_H_
