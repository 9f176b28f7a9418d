#include "wire/open_header.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/bytes.h"
#include "wire/frame_rules.h"
#include "wire/limits.h"
#include "wire/little_endian.h"
#include "wire/metadata_block.h"

namespace fdrpc {
namespace {

using testing::Bytes;

const Metadata kMetadata = {{"key", "value"}, {"k-bin", "\xff"}};

// The payload for `flags`.
std::string PayloadFor(uint8_t flags, std::string_view message = "message") {
  std::string payload;
  if ((flags & kFlagTimeout) != 0) {
    AppendLittleEndian(payload, uint64_t{0x0807060504030201});
  }
  if ((flags & kFlagMetadata) != 0) AppendMetadataBlock(kMetadata, payload);
  if ((flags & kFlagMessage) != 0) payload += message;
  return payload;
}

absl::Status Decoded(uint8_t flags, const std::string& payload) {
  OpenHeader header;
  return DecodeOpenHeader(flags, payload, header);
}

TEST(OpenHeaderTest, HasTheDocumentedLayout) {
  const std::string payload =
      Bytes({1, 2, 3, 4, 5, 6, 7, 8, 7, 0, 0, 0, 1, 1, 0, 0, 0, 'k', 'v', 'm'});
  OpenHeader header;
  ASSERT_TRUE(DecodeOpenHeader(kFlagTimeout | kFlagMetadata | kFlagMessage,
                               payload, header)
                  .ok());
  EXPECT_EQ(header.timeout_ns, 0x0807060504030201u);
  EXPECT_EQ(header.metadata, (Metadata{{"k", "v"}}));
  EXPECT_EQ(header.message, "m");
}

TEST(OpenHeaderTest, DecodesEveryCombinationOfKnownFlags) {
  for (int bits = 0; bits < 0x40; ++bits) {
    const auto flags = static_cast<uint8_t>(bits);
    if ((flags & ~kOpenFlags) != 0) continue;
    const std::string payload = PayloadFor(flags);
    OpenHeader header;
    const absl::Status status = DecodeOpenHeader(flags, payload, header);
    ASSERT_TRUE(status.ok()) << bits << status;
    EXPECT_EQ(header.timeout_ns.has_value(), (flags & kFlagTimeout) != 0);
    EXPECT_EQ(header.metadata,
              (flags & kFlagMetadata) != 0 ? kMetadata : Metadata());
    EXPECT_EQ(header.message, (flags & kFlagMessage) != 0 ? "message" : "");
  }
}

TEST(OpenHeaderTest, TheMessageBorrowsFromThePayload) {
  const std::string payload = PayloadFor(kFlagTimeout | kFlagMessage);
  OpenHeader header;
  ASSERT_TRUE(
      DecodeOpenHeader(kFlagTimeout | kFlagMessage, payload, header).ok());
  EXPECT_EQ(header.message.data(), payload.data() + 8);
}

TEST(OpenHeaderTest, AMessageMayBeEmpty) {
  EXPECT_TRUE(Decoded(kFlagMessage | kFlagHalfClose, "").ok());
}

TEST(OpenHeaderTest, IsRefusedWhenCutOffBeforeTheMessage) {
  for (const uint8_t flags :
       {kFlagTimeout, kFlagMetadata,
        static_cast<uint8_t>(kFlagTimeout | kFlagMetadata),
        static_cast<uint8_t>(kFlagTimeout | kFlagMetadata | kFlagMessage)}) {
    const std::string sections = PayloadFor(flags, "");
    for (size_t size = 0; size < sections.size(); ++size) {
      EXPECT_EQ(Decoded(flags, sections.substr(0, size)).code(),
                absl::StatusCode::kInvalidArgument)
          << int{flags} << " at " << size;
    }
    EXPECT_TRUE(Decoded(flags, sections).ok());
  }
}

TEST(OpenHeaderTest, IsRefusedWithBytesOfAMessageThatIsNotAnnounced) {
  for (const uint8_t flags :
       {uint8_t{0}, kFlagTimeout, kFlagMetadata, kFlagHalfClose}) {
    EXPECT_EQ(Decoded(flags, PayloadFor(flags) + "x").code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(OpenHeaderTest, IsRefusedWithMetadataThatBreaksTheRules) {
  const std::string payload = Bytes({7, 0, 0, 0, 1, 1, 0, 0, 0, 'K', 'v'});
  EXPECT_EQ(Decoded(kFlagMetadata, payload).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(OpenHeaderTest, IsRefusedWithMetadataThatClaimsToBeHuge) {
  EXPECT_EQ(Decoded(kFlagMetadata, Bytes({0xff, 0xff, 0xff, 0xff, 'x'})).code(),
            absl::StatusCode::kInvalidArgument);
  std::string too_large;
  AppendLittleEndian(too_large, static_cast<uint32_t>(kMaxMetadataBytes + 1));
  too_large.resize(too_large.size() + kMaxMetadataBytes + 1);
  EXPECT_EQ(Decoded(kFlagMetadata, too_large).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace fdrpc
