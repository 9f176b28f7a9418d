#include "wire/status_header.h"

#include <string>
#include <vector>

#include "absl/strings/cord.h"
#include "gtest/gtest.h"
#include "tests/support/bytes.h"
#include "wire/frame_rules.h"
#include "wire/limits.h"
#include "wire/little_endian.h"
#include "wire/metadata_block.h"

namespace fdrpc {
namespace {

using testing::Bytes;

constexpr auto kNotFound = static_cast<uint32_t>(absl::StatusCode::kNotFound);

std::string Details(const absl::Status& status) {
  std::string bytes;
  AppendStatusDetails(status, bytes);
  return bytes;
}

absl::Status Decode(uint8_t flags, const std::string& payload,
                    StatusHeader* header = nullptr) {
  StatusHeader decoded;
  const absl::Status status = DecodeStatusHeader(
      flags, kNotFound, payload, header != nullptr ? *header : decoded);
  EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
  return status;
}

void AppendSection(std::string& to, std::string_view bytes) {
  AppendLittleEndian(to, static_cast<uint32_t>(bytes.size()));
  to += bytes;
}

TEST(StatusCodeTest, TravelsAsTheNumberOfGrpc) {
  for (uint32_t code = 0; code <= 16; ++code) {
    EXPECT_EQ(StatusCodeToWire(static_cast<absl::StatusCode>(code)), code);
    EXPECT_EQ(StatusCodeFromWire(code), static_cast<absl::StatusCode>(code));
  }
  EXPECT_EQ(StatusCodeToWire(absl::StatusCode::kOk), 0u);
  EXPECT_EQ(StatusCodeToWire(absl::StatusCode::kUnauthenticated), 16u);
}

TEST(StatusCodeTest, IsUnknownWhereGrpcHasNoSuchNumber) {
  for (uint32_t code : {17u, 20u, 255u, 256u, 0x80000000u, 0xffffffffu}) {
    EXPECT_EQ(StatusCodeFromWire(code), absl::StatusCode::kUnknown) << code;
    EXPECT_EQ(StatusCodeToWire(static_cast<absl::StatusCode>(code)), 2u);
  }
}

TEST(StatusHeaderTest, HasTheDocumentedLayout) {
  absl::Status status = absl::NotFoundError("no");
  status.SetPayload("u", absl::Cord("pp"));
  EXPECT_EQ(Details(status), Bytes({17, 0, 0, 0,            //
                                    2,  0, 0, 0, 'n', 'o',  //
                                    1,  0, 0, 0, 'u',       //
                                    2,  0, 0, 0, 'p', 'p'}));
  std::string payload = Details(status);
  AppendMetadataBlock({{"t", "1"}}, payload);
  AppendMetadataBlock({{"h", "2"}}, payload);
  payload += "message";
  StatusHeader header;
  ASSERT_TRUE(Decode(kStatusFlags, payload, &header).ok());
  EXPECT_EQ(header.status, status);
  EXPECT_EQ(header.trailers, (Metadata{{"t", "1"}}));
  EXPECT_EQ(header.headers, (Metadata{{"h", "2"}}));
  EXPECT_EQ(header.message, "message");
}

TEST(StatusHeaderTest, DecodesEveryCombinationOfKnownFlags) {
  for (int bits = 0; bits < 0x10; ++bits) {
    const auto flags = static_cast<uint8_t>(bits);
    std::string payload;
    if ((flags & kFlagDetails) != 0)
      payload = Details(absl::NotFoundError("no"));
    if ((flags & kFlagTrailers) != 0) {
      AppendMetadataBlock({{"t", "1"}}, payload);
    }
    if ((flags & kFlagMetadata) != 0) {
      AppendMetadataBlock({{"h", "2"}}, payload);
    }
    if ((flags & kFlagMessage) != 0) payload += "message";
    StatusHeader header;
    ASSERT_TRUE(Decode(flags, payload, &header).ok()) << bits;
    EXPECT_EQ(header.status, (flags & kFlagDetails) != 0
                                 ? absl::NotFoundError("no")
                                 : absl::NotFoundError(""));
    EXPECT_EQ(header.trailers.size(), (flags & kFlagTrailers) != 0 ? 1u : 0u);
    EXPECT_EQ(header.headers.size(), (flags & kFlagMetadata) != 0 ? 1u : 0u);
    EXPECT_EQ(header.message, (flags & kFlagMessage) != 0 ? "message" : "");
  }
}

TEST(StatusHeaderTest, EveryCodeArrivesAsItWasSent) {
  for (uint32_t code = 0; code <= 16; ++code) {
    const absl::Status sent(static_cast<absl::StatusCode>(code), "text");
    StatusHeader header;
    ASSERT_TRUE(DecodeStatusHeader(kFlagDetails, StatusCodeToWire(sent.code()),
                                   Details(sent), header)
                    .ok());
    EXPECT_EQ(header.status, sent);
  }
}

TEST(StatusHeaderTest, AnUnknownCodeKeepsItsMessage) {
  StatusHeader header;
  ASSERT_TRUE(DecodeStatusHeader(kFlagDetails, 4711,
                                 Details(absl::NotFoundError("text")), header)
                  .ok());
  EXPECT_EQ(header.status, absl::UnknownError("text"));
}

TEST(StatusHeaderTest, MessagesAndPayloadsAreAnyBytes) {
  absl::Status status = absl::InternalError(std::string("\0\xff\n", 3));
  status.SetPayload("type/a", absl::Cord(std::string("\0x", 2)));
  status.SetPayload("type/b", absl::Cord());
  absl::Cord in_chunks("one");
  in_chunks.Append(std::string(5000, '2'));
  in_chunks.Append(absl::Cord(std::string(5000, '3')));
  status.SetPayload("type/c", in_chunks);
  StatusHeader header;
  ASSERT_TRUE(
      DecodeStatusHeader(kFlagDetails, 13, Details(status), header).ok());
  EXPECT_EQ(header.status, status);
}

TEST(StatusHeaderTest, AMessageThatIsTooLongIsCutAndSaysSo) {
  for (const size_t size :
       {kMaxStatusMessageBytes, kMaxStatusMessageBytes + 1, size_t{5} << 20}) {
    StatusHeader header;
    const std::string sent(size, 'm');
    ASSERT_TRUE(
        Decode(kFlagDetails, Details(absl::NotFoundError(sent)), &header).ok());
    const std::string message(header.status.message());
    if (size == kMaxStatusMessageBytes) {
      EXPECT_EQ(message, sent);
      continue;
    }
    const std::string note =
        absl::StrCat(" [cut: the message has ", size, " bytes]");
    EXPECT_EQ(message,
              sent.substr(0, kMaxStatusMessageBytes - note.size()) + note);
  }
}

TEST(StatusHeaderTest, AMessageIsNotCutWithinACharacter) {
  const std::vector<std::string> characters = {"\xc3\xa4", "\xe2\x82\xac",
                                               "\xf0\x9f\x98\x80"};
  for (const std::string& character : characters) {
    for (size_t shift = 0; shift < 4; ++shift) {
      std::string sent(shift, 'x');
      while (sent.size() <= kMaxStatusMessageBytes) sent += character;
      StatusHeader header;
      ASSERT_TRUE(
          Decode(kFlagDetails, Details(absl::NotFoundError(sent)), &header)
              .ok());
      const std::string message(header.status.message());
      const size_t whole = message.find(" [cut: ");
      ASSERT_NE(whole, std::string::npos);
      EXPECT_EQ((whole - shift) % character.size(), 0u);
      EXPECT_GT(message.size(), kMaxStatusMessageBytes - 4);
    }
  }
}

TEST(StatusHeaderTest, BytesThatAreNoTextAreCutAtTheLimit) {
  const std::string sent(2 * kMaxStatusMessageBytes, '\x80');
  StatusHeader header;
  ASSERT_TRUE(
      Decode(kFlagDetails, Details(absl::NotFoundError(sent)), &header).ok());
  EXPECT_EQ(header.status.message().size(), kMaxStatusMessageBytes);
}

TEST(StatusHeaderTest, PayloadsThatDoNotFitAreLeftOutAsWholes) {
  absl::Status status = absl::NotFoundError("no");
  status.SetPayload("type/large",
                    absl::Cord(std::string(kMaxMetadataBytes, 'x')));
  status.SetPayload("type/small", absl::Cord("small"));
  const std::string details = Details(status);
  EXPECT_LE(details.size(), kMaxMetadataBytes);
  StatusHeader header;
  ASSERT_TRUE(Decode(kFlagDetails, details, &header).ok());
  EXPECT_FALSE(header.status.GetPayload("type/large").has_value());
  EXPECT_EQ(header.status.GetPayload("type/small"), absl::Cord("small"));
  EXPECT_EQ(header.status.message(),
            "no [1 of the status's details dropped: it exceeds 65536 bytes]");
}

TEST(StatusHeaderTest, PayloadsUpToTheLimitAreSentBesideTheMessage) {
  // Two lengths of the section, two of the payload.
  const size_t most = kMaxMetadataBytes - 4 * 4 - 2 - 1;
  for (const size_t bytes : {most, most + 1}) {
    absl::Status status = absl::NotFoundError("no");
    status.SetPayload("u", absl::Cord(std::string(bytes, 'x')));
    StatusHeader header;
    ASSERT_TRUE(Decode(kFlagDetails, Details(status), &header).ok());
    EXPECT_EQ(header.status == status, bytes == most);
  }
}

TEST(StatusHeaderTest, AMessageAndPayloadsThatAreTooLongAreBothCut) {
  absl::Status status =
      absl::NotFoundError(std::string(2 * kMaxStatusMessageBytes, 'm'));
  for (const char* url : {"a", "b", "c"}) {
    status.SetPayload(url, absl::Cord(std::string(20u << 10, 'x')));
  }
  const std::string details = Details(status);
  EXPECT_LE(details.size(), kMaxMetadataBytes);
  StatusHeader header;
  ASSERT_TRUE(Decode(kFlagDetails, details, &header).ok());
  const std::string message(header.status.message());
  EXPECT_NE(message.find(" [1 of the status's details dropped"),
            std::string::npos);
  EXPECT_NE(message.find(" [cut: the message has 32768 bytes]"),
            std::string::npos);
}

TEST(StatusHeaderTest, IsRefusedWhenCutOffBeforeTheMessage) {
  absl::Status status = absl::NotFoundError("no");
  status.SetPayload("url", absl::Cord("payload"));
  std::string sections = Details(status);
  AppendMetadataBlock({{"trailer", "1"}}, sections);
  AppendMetadataBlock({{"header", "2"}}, sections);
  EXPECT_TRUE(Decode(kStatusFlags, sections).ok());
  for (size_t size = 0; size < sections.size(); ++size) {
    EXPECT_FALSE(Decode(kStatusFlags, sections.substr(0, size)).ok()) << size;
  }
}

TEST(StatusHeaderTest, IsRefusedWithDetailsCutOffWithinTheirSection) {
  absl::Status status = absl::NotFoundError("no");
  status.SetPayload("url", absl::Cord("payload"));
  const std::string inner = Details(status).substr(4);
  const size_t end_of_message = 4 + 2;
  for (size_t size = 0; size <= inner.size(); ++size) {
    std::string payload;
    AppendSection(payload, inner.substr(0, size));
    EXPECT_EQ(Decode(kFlagDetails, payload).ok(),
              size == end_of_message || size == inner.size())
        << size;
  }
}

TEST(StatusHeaderTest, IsRefusedWithLengthsBeyondTheEnd) {
  EXPECT_FALSE(Decode(kFlagDetails, Bytes({0xff, 0xff, 0xff, 0xff})).ok());
  EXPECT_FALSE(
      Decode(kFlagDetails, Bytes({4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})).ok());
  EXPECT_FALSE(Decode(kFlagDetails, Bytes({12, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
                                           0xff, 0xff, 0, 0, 0, 0}))
                   .ok());
  EXPECT_FALSE(Decode(kFlagTrailers, Bytes({0xff, 0xff, 0xff, 0x7f, 0})).ok());
}

TEST(StatusHeaderTest, IsRefusedWithMetadataThatBreaksTheRules) {
  const std::string block = Bytes({7, 0, 0, 0, 1, 1, 0, 0, 0, 'K', 'v'});
  EXPECT_FALSE(Decode(kFlagTrailers, block).ok());
  EXPECT_FALSE(Decode(kFlagMetadata, block).ok());
}

TEST(StatusHeaderTest, IsRefusedWithBytesOfAMessageThatIsNotAnnounced) {
  EXPECT_FALSE(Decode(0, "x").ok());
  EXPECT_FALSE(
      Decode(kFlagDetails, Details(absl::NotFoundError("no")) + "x").ok());
}

TEST(StatusHeaderTest, IsRefusedWithMoreDetailsThanMayBeSent) {
  std::string inner;
  AppendSection(inner, "no");
  AppendSection(inner, "type/large");
  AppendSection(inner, std::string(kMaxMetadataBytes, 'x'));
  std::string payload;
  AppendSection(payload, inner);
  EXPECT_FALSE(Decode(kFlagDetails, payload).ok());

  inner.clear();
  AppendSection(inner, std::string(kMaxStatusMessageBytes + 1, 'm'));
  payload.clear();
  AppendSection(payload, inner);
  EXPECT_FALSE(Decode(kFlagDetails, payload).ok());
}

}  // namespace
}  // namespace fdrpc
