#include "call/received_bytes.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"

namespace fdrpc {
namespace {

using google::protobuf::BytesValue;

int buffers = 0;  // not given back yet

PayloadBuffer BufferWith(std::string_view bytes, size_t capacity) {
  ++buffers;
  PayloadBuffer buffer(new char[capacity], capacity, [](char* data, size_t) {
    --buffers;
    delete[] data;
  });
  bytes.copy(buffer.data(), bytes.size());
  return buffer;
}

// Adds `piece` in a buffer of its own, or to be copied.
void Add(ReceivedBytes& to, std::string_view piece, bool own,
         size_t waste = 0) {
  if (!own) return to.Append(piece, {});
  PayloadBuffer buffer = BufferWith(piece, piece.size() + waste);
  const std::string_view in_buffer(buffer.data(), piece.size());
  to.Append(in_buffer, std::move(buffer));
}

std::string Varied(size_t size) {
  std::string content(size, '\0');
  for (size_t i = 0; i < size; ++i) {
    content[i] = static_cast<char>(i * 7 + i / 1000);
  }
  return content;
}

TEST(ReceivedBytesTest, AreEmptyAtFirst) {
  ReceivedBytes bytes;
  EXPECT_EQ(bytes.size(), 0u);
  BytesValue message;
  message.set_value("of before");
  EXPECT_TRUE(std::move(bytes).ParseInto(message));
  EXPECT_EQ(message.value(), "");
}

TEST(ReceivedBytesTest, StandInTheOrderInWhichTheyCame) {
  // Each bit of `own` tells which piece has a buffer.
  for (int own = 0; own < 32; ++own) {
    ReceivedBytes bytes;
    std::string expected;
    for (int i = 0; i < 5; ++i) {
      const std::string piece(static_cast<size_t>(i + 1), 'a' + i);
      Add(bytes, piece, (own & 1 << i) != 0);
      expected += piece;
    }
    EXPECT_EQ(bytes.size(), expected.size());
    EXPECT_EQ(bytes.ToString(), expected) << own;
  }
  EXPECT_EQ(buffers, 0);
}

TEST(ReceivedBytesTest, KeepABufferThatIsMostlyTheirs) {
  ReceivedBytes bytes;
  Add(bytes, std::string(1000, 'x'), true, 1000);
  EXPECT_EQ(buffers, 1);
  Add(bytes, std::string(1000, 'x'), true, 1002);
  EXPECT_EQ(buffers, 1) << "copied: it would hold on to too much";
  Add(bytes, "", true, 10);
  EXPECT_EQ(buffers, 1);
  EXPECT_EQ(bytes.ToString(), std::string(2000, 'x'));
}

TEST(ReceivedBytesTest, ParseFromPiecesOfAnySize) {
  BytesValue sent;
  sent.set_value(Varied(10'000));
  const std::string all = sent.SerializeAsString();
  for (const size_t size : {1u, 2u, 15u, 16u, 17u, 33u, 1000u, 5000u, 20000u}) {
    for (const int own : {0, 1, 2}) {  // none, all, every other piece
      ReceivedBytes bytes;
      size_t pieces = 0;
      for (size_t at = 0; at < all.size(); at += size, ++pieces) {
        Add(bytes, std::string_view(all).substr(at, size),
            own == 1 || (own == 2 && pieces % 2 == 1));
      }
      BytesValue received;
      ASSERT_TRUE(std::move(bytes).ParseInto(received)) << size << " " << own;
      EXPECT_EQ(received.value(), sent.value()) << size << " " << own;
    }
  }
  EXPECT_EQ(buffers, 0);
}

TEST(ReceivedBytesTest, LetGoOfPiecesAsTheyAreParsed) {
  BytesValue sent;
  sent.set_value(Varied(100'000));
  const std::string all = sent.SerializeAsString();
  ReceivedBytes bytes;
  for (size_t at = 0; at < all.size(); at += 10'000) {
    Add(bytes, std::string_view(all).substr(at, 10'000), true);
  }
  EXPECT_EQ(buffers, 11);
  BytesValue received;
  ASSERT_TRUE(std::move(bytes).ParseInto(received));
  EXPECT_LE(buffers, 1) << "but for the last";
}

TEST(ReceivedBytesTest, RefuseWhatIsNoMessage) {
  BytesValue sent;
  sent.set_value(Varied(100));
  const std::string all = sent.SerializeAsString();
  for (const std::string& wrong :
       {all.substr(0, 99), all + '\xff', all + std::string(20, '\x0f'),
        std::string("\xff", 1)}) {
    for (const size_t first : {size_t{0}, wrong.size() / 2, wrong.size()}) {
      for (const bool own : {false, true}) {
        ReceivedBytes bytes;
        Add(bytes, std::string_view(wrong).substr(0, first), own);
        Add(bytes, std::string_view(wrong).substr(first), own);
        BytesValue received;
        EXPECT_FALSE(std::move(bytes).ParseInto(received));
      }
    }
  }
  EXPECT_EQ(buffers, 0);
}

// So large that they are joined first.
TEST(ReceivedBytesTest, OfALargeFieldAreParsedAsOne) {
  BytesValue sent;
  sent.set_value(Varied(50'000'001));
  const std::string all = sent.SerializeAsString();
  ReceivedBytes bytes;
  constexpr size_t kPiece = 600'000;
  for (size_t at = 0; at < all.size(); at += kPiece) {
    Add(bytes, std::string_view(all).substr(at, kPiece), at % 2'400'000 != 0);
  }
  BytesValue message;
  EXPECT_TRUE(std::move(bytes).ParseInto(message));
  EXPECT_EQ(buffers, 0);
  EXPECT_TRUE(message.value() == sent.value());
}

}  // namespace
}  // namespace fdrpc
