#include "wire/little_endian.h"

#include <cstdint>
#include <limits>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/bytes.h"

namespace fdrpc {
namespace {

using testing::Bytes;

template <typename Integer>
std::string Stored(Integer value) {
  std::string bytes;
  AppendLittleEndian(bytes, value);
  return bytes;
}

TEST(LittleEndianTest, PutsTheLowestByteFirst) {
  EXPECT_EQ(Stored(uint8_t{0x01}), Bytes({0x01}));
  EXPECT_EQ(Stored(uint16_t{0x0201}), Bytes({0x01, 0x02}));
  EXPECT_EQ(Stored(uint32_t{0x04030201}), Bytes({0x01, 0x02, 0x03, 0x04}));
  EXPECT_EQ(Stored(uint64_t{0x0807060504030201}),
            Bytes({0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08}));
}

TEST(LittleEndianTest, ReadsBytesWithTheHighestBitSet) {
  const std::string bytes(8, '\xff');
  EXPECT_EQ(LoadLittleEndian<uint8_t>(bytes.data()), 0xffu);
  EXPECT_EQ(LoadLittleEndian<uint16_t>(bytes.data()), 0xffffu);
  EXPECT_EQ(LoadLittleEndian<uint32_t>(bytes.data()), 0xffffffffu);
  EXPECT_EQ(LoadLittleEndian<uint64_t>(bytes.data()),
            std::numeric_limits<uint64_t>::max());
}

TEST(LittleEndianTest, RoundTripsEveryBitAtEveryAlignment) {
  for (size_t offset = 0; offset < 8; ++offset) {
    for (int bit = 0; bit < 64; ++bit) {
      char buffer[16] = {};
      const uint64_t value = uint64_t{1} << bit;
      StoreLittleEndian(buffer + offset, value);
      EXPECT_EQ(LoadLittleEndian<uint64_t>(buffer + offset), value);
    }
  }
}

TEST(LittleEndianTest, WritesNothingBehindTheInteger) {
  std::string buffer(8, 'x');
  StoreLittleEndian(buffer.data() + 2, uint32_t{0});
  EXPECT_EQ(buffer, Bytes({'x', 'x', 0, 0, 0, 0, 'x', 'x'}));
}

}  // namespace
}  // namespace fdrpc
