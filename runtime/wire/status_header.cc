#include "wire/status_header.h"

#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "wire/byte_reader.h"
#include "wire/limits.h"
#include "wire/metadata_block.h"

namespace fdrpc {
namespace {

constexpr uint32_t kHighestCode = 16;  // UNAUTHENTICATED

absl::Status Malformed() {
  return absl::InvalidArgumentError("a status frame is malformed");
}

// One section that is prefixed with its length.
bool ReadSection(ByteReader& reader, std::string_view& section) {
  uint32_t bytes = 0;
  return reader.Read(bytes) && reader.Read(bytes, section);
}

absl::Status DecodeDetails(std::string_view section, absl::StatusCode code,
                           absl::Status& status) {
  if (section.size() > kMaxMetadataBytes) return Malformed();
  ByteReader reader(section);
  std::string_view message;
  if (!ReadSection(reader, message) ||
      message.size() > kMaxStatusMessageBytes) {
    return Malformed();
  }
  status = absl::Status(code, {message.data(), message.size()});
  while (!reader.rest().empty()) {
    std::string_view url, payload;
    if (!ReadSection(reader, url) || !ReadSection(reader, payload)) {
      return Malformed();
    }
    status.SetPayload({url.data(), url.size()},
                      absl::Cord({payload.data(), payload.size()}));
  }
  return absl::OkStatus();
}

}  // namespace

uint32_t StatusCodeToWire(absl::StatusCode code) {
  const auto number = static_cast<uint32_t>(code);
  return number <= kHighestCode
             ? number
             : static_cast<uint32_t>(absl::StatusCode::kUnknown);
}

absl::StatusCode StatusCodeFromWire(uint32_t code) {
  return code <= kHighestCode ? static_cast<absl::StatusCode>(code)
                              : absl::StatusCode::kUnknown;
}

void AppendStatusDetails(const absl::Status& status, std::string& to) {
  const size_t start = to.size();
  AppendLittleEndian(to, uint32_t{0});
  const auto message = status.message().substr(0, kMaxStatusMessageBytes);
  AppendLittleEndian(to, static_cast<uint32_t>(message.size()));
  to.append(message.data(), message.size());
  status.ForEachPayload([&](auto url, const absl::Cord& payload) {
    const size_t bytes = 2 * sizeof(uint32_t) + url.size() + payload.size();
    if (to.size() - start + bytes > kMaxMetadataBytes) return;
    AppendLittleEndian(to, static_cast<uint32_t>(url.size()));
    to.append(url.data(), url.size());
    AppendLittleEndian(to, static_cast<uint32_t>(payload.size()));
    for (const auto chunk : payload.Chunks()) {
      to.append(chunk.data(), chunk.size());
    }
  });
  StoreLittleEndian(to.data() + start, static_cast<uint32_t>(to.size() - start -
                                                             sizeof(uint32_t)));
}

absl::Status DecodeStatusHeader(uint8_t flags, uint32_t code,
                                std::string_view payload,
                                StatusHeader& header) {
  if ((flags & ~kStatusFlags) != 0) {
    return absl::InvalidArgumentError("a status frame has unknown flags");
  }
  const absl::StatusCode known = StatusCodeFromWire(code);
  header.status = absl::Status(known, "");
  ByteReader reader(payload);
  std::string_view section;
  if ((flags & kFlagDetails) != 0) {
    if (!ReadSection(reader, section)) return Malformed();
    absl::Status decoded = DecodeDetails(section, known, header.status);
    if (!decoded.ok()) return decoded;
  }
  for (auto [flag, metadata] : {std::pair{kFlagTrailers, &header.trailers},
                                std::pair{kFlagMetadata, &header.headers}}) {
    if ((flags & flag) == 0) continue;
    if (!ReadSection(reader, section)) return Malformed();
    absl::Status decoded = DecodeMetadataBlock(section, *metadata);
    if (!decoded.ok()) return decoded;
  }
  header.message = reader.rest();
  if ((flags & kFlagMessage) == 0 && !header.message.empty()) {
    return Malformed();
  }
  return absl::OkStatus();
}

}  // namespace fdrpc
