#include "call/contiguous_message.h"

#include <cstddef>
#include <string>

#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"

namespace fdrpc {
namespace {

// Around the sizes at which the way of copying changes.
constexpr size_t kSizes[] = {0,     1,     1990,  2000,    2001,    4096,
                             16384, 65536, 70000, 131'066, 131'072, 200'000};

std::string Bytes(size_t size) {
  std::string bytes(size, 0);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
  return bytes;
}

TEST(ContiguousMessageTest, WritesAndReadsWhatProtocolBuffersDo) {
  for (const size_t size : kSizes) {
    google::protobuf::BytesValue message;
    message.set_value(Bytes(size));
    const std::string expected = message.SerializeAsString();
    std::string written(message.ByteSizeLong() + 1, 'x');
    SerialiseContiguous(message, written.data(), message.ByteSizeLong());
    EXPECT_EQ(written, expected + "x") << size;
    google::protobuf::BytesValue parsed;
    EXPECT_TRUE(ParseContiguous(parsed, expected)) << size;
    EXPECT_EQ(parsed.value(), message.value()) << size;
  }
}

TEST(ContiguousMessageTest, WhatIsCutOffIsNotParsed) {
  for (const size_t size : kSizes) {
    if (size == 0) continue;
    google::protobuf::BytesValue message;
    message.set_value(Bytes(size));
    std::string cut = message.SerializeAsString();
    cut.pop_back();
    google::protobuf::BytesValue parsed;
    EXPECT_FALSE(ParseContiguous(parsed, cut)) << size;
  }
}

}  // namespace
}  // namespace fdrpc
