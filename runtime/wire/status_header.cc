#include "wire/status_header.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "wire/byte_reader.h"
#include "wire/cut_text.h"
#include "wire/limits.h"
#include "wire/metadata_block.h"

namespace fdrpc {
namespace {

constexpr uint32_t kHighestCode = 16;  // UNAUTHENTICATED

absl::Status Malformed() {
  return absl::InvalidArgumentError("a status frame is malformed");
}

// Reads a section that is prefixed with its length.
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

// The size of the note at the end of a message that something is missing.
constexpr size_t kMaxNoteBytes = 128;

// Calls `use` for the payloads, in order, except for those that do not fit into
// the rest of `room`. Returns how many were left out.
template <typename Use>
int UsePayloads(const absl::Status& status, size_t room, Use use) {
  int left_out = 0;
  status.ForEachPayload([&](auto url, const absl::Cord& payload) {
    const size_t bytes = 2 * sizeof(uint32_t) + url.size() + payload.size();
    if (bytes > room) {
      ++left_out;
      return;
    }
    room -= bytes;
    use(url, payload);
  });
  return left_out;
}

// The message, cut to its limit, with a note of what is missing.
std::string MessageToSend(std::string_view message, int dropped_payloads) {
  std::string note;
  if (dropped_payloads > 0) {
    note = absl::StrCat(" [", dropped_payloads,
                        " of the status's details dropped: it exceeds ",
                        kMaxMetadataBytes, " bytes]");
  }
  if (message.size() + note.size() > kMaxStatusMessageBytes) {
    absl::StrAppend(&note, " [cut: the message has ", message.size(),
                    " bytes]");
    message = CutText(message, kMaxStatusMessageBytes - note.size());
  }
  return std::string(message) + note;
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
  const std::string_view text(status.message().data(), status.message().size());
  const auto room_beside = [](size_t message_bytes) {
    return kMaxMetadataBytes - 2 * sizeof(uint32_t) -
           std::min(message_bytes, kMaxStatusMessageBytes);
  };
  size_t room = room_beside(text.size());
  const auto nothing = [](auto, const absl::Cord&) {};
  int dropped = UsePayloads(status, room, nothing);
  if (dropped > 0) {
    room = room_beside(text.size() + kMaxNoteBytes);
    dropped = UsePayloads(status, room, nothing);
  }
  const std::string message = MessageToSend(text, dropped);
  AppendLittleEndian(to, static_cast<uint32_t>(message.size()));
  to += message;
  UsePayloads(status, room, [&to](auto url, const absl::Cord& payload) {
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
