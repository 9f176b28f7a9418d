#include "wire/metadata_block.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/bytes.h"
#include "wire/limits.h"
#include "wire/little_endian.h"

namespace fdrpc {
namespace {

using testing::Bytes;
using ::testing::HasSubstr;

std::string EncodedBlock(const Metadata& metadata) {
  std::string bytes;
  AppendMetadataBlock(metadata, bytes);
  return bytes;
}

// An entry as a peer may send it, whether or not it respects the rules.
std::string Entry(std::string_view key, std::string_view value) {
  std::string bytes;
  AppendLittleEndian(bytes, static_cast<uint8_t>(key.size()));
  AppendLittleEndian(bytes, static_cast<uint32_t>(value.size()));
  return bytes.append(key).append(value);
}

absl::Status Checked(const std::string& key, const std::string& value) {
  const absl::Status sending = CheckMetadata({{key, value}});
  if (key.size() <= 255) {  // others have no encoding
    Metadata metadata;
    const absl::Status receiving =
        DecodeMetadataBlock(Entry(key, value), metadata);
    EXPECT_EQ(receiving, sending) << "both sides apply the same rules";
  }
  return sending;
}

TEST(MetadataBlockTest, HasTheDocumentedLayout) {
  std::string bytes = "before";
  AppendMetadataBlock({{"ab", "xyz"}, {"c", ""}}, bytes);
  EXPECT_EQ(bytes, "before" + Bytes({16,  0,   0,   0,         //
                                     2,   3,   0,   0,   0,    //
                                     'a', 'b', 'x', 'y', 'z',  //
                                     1,   0,   0,   0,   0,   'c'}));
}

TEST(MetadataBlockTest, RoundTripsInOrderWithRepeatedKeys) {
  const Metadata metadata = {{"key", "first"},
                             {"other", ""},
                             {"key", "second"},
                             {"any-bin", std::string("\0\xff\n", 3)}};
  Metadata decoded;
  ASSERT_TRUE(
      DecodeMetadataBlock(EncodedBlock(metadata).substr(4), decoded).ok());
  EXPECT_EQ(decoded, metadata);
}

TEST(MetadataBlockTest, MayBeEmpty) {
  EXPECT_EQ(EncodedBlock({}), Bytes({0, 0, 0, 0}));
  Metadata decoded;
  EXPECT_TRUE(DecodeMetadataBlock("", decoded).ok());
  EXPECT_TRUE(decoded.empty());
}

TEST(MetadataBlockTest, KeysAreLowerCaseLettersDigitsUnderscoreDashAndDot) {
  EXPECT_TRUE(Checked("abcdefghijklmnopqrstuvwxyz0123456789_-.", "v").ok());
  for (int c = 0; c < 256; ++c) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                         c == '_' || c == '-' || c == '.';
    const std::string key = std::string("k") + static_cast<char>(c);
    EXPECT_EQ(Checked(key, "v").ok(), allowed) << c;
  }
}

TEST(MetadataBlockTest, KeysHaveOneTo255Bytes) {
  EXPECT_FALSE(Checked("", "v").ok());
  EXPECT_TRUE(Checked("k", "v").ok());
  EXPECT_TRUE(Checked(std::string(255, 'k'), "v").ok());
  EXPECT_EQ(Checked(std::string(256, 'k'), "v").code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(MetadataBlockTest, ValuesArePrintableAscii) {
  for (int c = 0; c < 256; ++c) {
    const std::string value(1, static_cast<char>(c));
    EXPECT_EQ(Checked("key", value).ok(), c >= 0x20 && c <= 0x7e) << c;
  }
}

TEST(MetadataBlockTest, ValuesOfBinaryKeysAreAnyBytes) {
  std::string value;
  for (int c = 0; c < 256; ++c) value += static_cast<char>(c);
  EXPECT_TRUE(Checked("key-bin", value).ok());
  EXPECT_TRUE(Checked("-bin", value).ok());
  EXPECT_FALSE(Checked("bin", value).ok());
  EXPECT_FALSE(Checked("key-binary", value).ok());
}

TEST(MetadataBlockTest, ErrorsNameTheKeyWithoutRepeatingRawBytes) {
  EXPECT_THAT(Checked("Upper", "v").message(), HasSubstr("\"Upper\""));
  EXPECT_THAT(Checked("a\x01", "v").message(), HasSubstr("\"a\\x01\""));
  EXPECT_THAT(Checked("good", "\n").message(), HasSubstr("\"good\""));
}

TEST(MetadataBlockTest, TheLargestThatMayBeSentIsAccepted) {
  // 5 bytes of lengths, and 3 of the key.
  const Metadata most = {{"key", std::string(kMaxMetadataBytes - 8, 'v')}};
  EXPECT_TRUE(CheckMetadata(most).ok());
  Metadata decoded;
  EXPECT_TRUE(DecodeMetadataBlock(EncodedBlock(most).substr(4), decoded).ok());
  EXPECT_EQ(decoded, most);
}

TEST(MetadataBlockTest, OneByteMoreIsRefusedOnBothSides) {
  const Metadata more = {{"key", std::string(kMaxMetadataBytes - 7, 'v')}};
  EXPECT_EQ(CheckMetadata(more).code(), absl::StatusCode::kResourceExhausted);
  Metadata decoded;
  EXPECT_EQ(DecodeMetadataBlock(EncodedBlock(more).substr(4), decoded).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(decoded.empty());
}

TEST(MetadataBlockTest, AsManyEntriesAsTheLimitAreAcceptedAndNoMore) {
  Metadata metadata;
  for (size_t i = 0; i < kMaxMetadataEntries; ++i) metadata.Add("k", "");
  EXPECT_TRUE(CheckMetadata(metadata).ok());
  Metadata decoded;
  EXPECT_TRUE(
      DecodeMetadataBlock(EncodedBlock(metadata).substr(4), decoded).ok());
  EXPECT_EQ(decoded.size(), kMaxMetadataEntries);

  metadata.Add("k", "");
  EXPECT_EQ(CheckMetadata(metadata).code(),
            absl::StatusCode::kResourceExhausted);
  decoded.Clear();
  EXPECT_EQ(
      DecodeMetadataBlock(EncodedBlock(metadata).substr(4), decoded).code(),
      absl::StatusCode::kInvalidArgument);
}

TEST(MetadataBlockTest, IsRefusedWhenCutOffWithinAnEntry) {
  const std::string block =
      EncodedBlock({{"first", "1"}, {"second", "2"}}).substr(4);
  const size_t end_of_first = Entry("first", "1").size();
  for (size_t size = 0; size < block.size(); ++size) {
    Metadata decoded;
    const absl::Status status =
        DecodeMetadataBlock(block.substr(0, size), decoded);
    if (size == 0 || size == end_of_first) {
      EXPECT_TRUE(status.ok()) << size;
    } else {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << size;
    }
  }
}

TEST(MetadataBlockTest, IsRefusedWithLengthsBeyondItsEnd) {
  for (const std::string& block :
       {Bytes({1, 0xff, 0xff, 0xff, 0xff, 'k'}),
        Bytes({1, 0xff, 0xff, 0xff, 0x7f, 'k', 'v'}),
        Bytes({255, 0, 0, 0, 0, 'k'}), Bytes({1, 2, 0, 0, 0, 'k', 'v'})}) {
    Metadata decoded;
    EXPECT_EQ(DecodeMetadataBlock(block, decoded).code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(MetadataBlockTest, HeadersAreABlockBehindItsLengthAndNothingElse) {
  const Metadata headers = {{"first", "1"}, {"second", "2"}};
  const std::string payload = EncodedBlock(headers);
  Metadata decoded;
  ASSERT_TRUE(DecodeHeaders(payload, decoded).ok());
  EXPECT_EQ(decoded, headers);
  for (size_t size = 0; size < payload.size(); ++size) {
    Metadata cut;
    EXPECT_EQ(DecodeHeaders(payload.substr(0, size), cut).code(),
              absl::StatusCode::kInvalidArgument)
        << size;
  }
  Metadata longer;
  EXPECT_FALSE(DecodeHeaders(payload + "x", longer).ok());
}

TEST(MetadataTest, GivesTheFirstValueOfAKey) {
  const Metadata metadata = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
  EXPECT_EQ(metadata.Get("a"), "1");
  EXPECT_EQ(metadata.Get("b"), "2");
  EXPECT_EQ(metadata.Get("c"), std::nullopt);
}

}  // namespace
}  // namespace fdrpc
