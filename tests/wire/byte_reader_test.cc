#include "wire/byte_reader.h"

#include <cstdint>
#include <limits>

#include "gtest/gtest.h"
#include "tests/support/bytes.h"

namespace fdrpc {
namespace {

using testing::Bytes;

TEST(ByteReaderTest, TakesFieldsInOrder) {
  const std::string bytes = Bytes({1, 2, 0, 'a', 'b', 9});
  ByteReader reader(bytes);
  uint8_t small = 0;
  uint16_t large = 0;
  std::string_view text;
  EXPECT_TRUE(reader.Read(small));
  EXPECT_TRUE(reader.Read(large));
  EXPECT_TRUE(reader.Read(2, text));
  EXPECT_EQ(small, 1);
  EXPECT_EQ(large, 2);
  EXPECT_EQ(text, "ab");
  EXPECT_EQ(text.data(), bytes.data() + 3) << "borrowed, not copied";
  EXPECT_EQ(reader.rest(), "\x09");
  EXPECT_FALSE(reader.done());
}

TEST(ByteReaderTest, IsDoneWhenAllIsTaken) {
  ByteReader reader("a");
  std::string_view text;
  EXPECT_TRUE(reader.Read(1, text));
  EXPECT_TRUE(reader.done());
  EXPECT_TRUE(reader.Read(0, text)) << "nothing can be had of nothing";
  EXPECT_TRUE(reader.done());
}

TEST(ByteReaderTest, TakesNothingWhenThereIsTooLittle) {
  ByteReader reader("abc");
  uint32_t value = 7;
  EXPECT_FALSE(reader.Read(value));
  EXPECT_EQ(value, 7u);
  EXPECT_EQ(reader.rest(), "abc");
}

TEST(ByteReaderTest, StaysFailedAndIsNeverDone) {
  ByteReader reader("abc");
  std::string_view text;
  EXPECT_FALSE(reader.Read(4, text));
  EXPECT_FALSE(reader.Read(1, text));
  EXPECT_FALSE(reader.done());
}

TEST(ByteReaderTest, RefusesSizesThatWouldOverflow) {
  ByteReader reader("abc");
  std::string_view text;
  EXPECT_FALSE(reader.Read(std::numeric_limits<size_t>::max(), text));
}

}  // namespace
}  // namespace fdrpc
