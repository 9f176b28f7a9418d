#include "services/capture/recording_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "services/capture/pcapng.h"
#include "wire/byte_reader.h"

namespace fdrpc::capture {
namespace {

// More than any block has; Wireshark's limit is the same.
constexpr uint32_t kMostBlockBytes = 16u << 20;
constexpr size_t kReadBytes = 64u << 10;
constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
// In the year 2262, nanoseconds since 1970 are as many as 63 bits have.
constexpr uint64_t kMostSeconds = INT64_MAX / kNanosecondsPerSecond - 1;

std::string_view View(const std::string& text) {
  return {text.data(), text.size()};
}

bool ReadDescriptor(ByteReader& reader, DescriptorInfo& info) {
  uint8_t kind = 0;
  uint8_t access = 0;
  uint8_t nonblocking = 0;
  std::string_view reserved;
  if (!reader.Read(kind) || !reader.Read(access) || !reader.Read(nonblocking) ||
      !reader.Read(5, reserved) || !reader.Read(info.size) ||
      !reader.Read(info.device) || !reader.Read(info.inode)) {
    return false;
  }
  if (kind <= static_cast<uint8_t>(DescriptorKind::kInotify)) {
    info.kind = static_cast<DescriptorKind>(kind);
  }
  if (access <= static_cast<uint8_t>(DescriptorAccess::kReadWrite)) {
    info.access = static_cast<DescriptorAccess>(access);
  }
  info.nonblocking = nonblocking != 0;
  return true;
}

}  // namespace

absl::StatusOr<RecordingReader> RecordingReader::Open(const std::string& file) {
  if (file == "-") {
    return RecordingReader("standard input", nullptr, std::cin);
  }
  errno = 0;
  auto stream = std::make_unique<std::ifstream>(file, std::ios::binary);
  if (!stream->is_open()) {
    return absl::ErrnoToStatus(errno == 0 ? EIO : errno, file);
  }
  std::istream& borrowed = *stream;
  return RecordingReader(file, std::move(stream), borrowed);
}

absl::Status RecordingReader::Damaged(uint64_t offset,
                                      std::string_view what) const {
  return absl::DataLossError(
      absl::StrCat(name_, ": offset ", offset, ": ", std::string(what)));
}

size_t RecordingReader::Read(size_t bytes, std::string& to) {
  const size_t before = to.size();
  size_t left = bytes;
  while (left > 0) {
    const size_t part = std::min(left, kReadBytes);
    const size_t begin = to.size();
    to.resize(begin + part);
    stream_.read(to.data() + begin, static_cast<std::streamsize>(part));
    const auto got = static_cast<size_t>(stream_.gcount());
    to.resize(begin + got);
    left -= got;
    if (got < part) break;
  }
  offset_ += to.size() - before;
  return to.size() - before;
}

absl::StatusOr<bool> RecordingReader::ReadBlock(Block& block) {
  block.offset = offset_;
  std::string head;
  const size_t got = Read(8, head);
  if (stream_.bad()) return Damaged(offset_, "the file cannot be read");
  if (got == 0 && block.offset > 0) return false;
  block.type = got < 8 ? 0 : LoadLittleEndian<uint32_t>(head.data());
  if (block.offset == 0 && block.type != pcapng::kSectionHeader) {
    return Damaged(0, "this is not a recording of fdrpc capture");
  }
  if (got < 8) return Damaged(block.offset, "the file ends within a block");
  const auto length = LoadLittleEndian<uint32_t>(head.data() + 4);
  if (length < pcapng::kBlockFrameBytes || length % 4 != 0 ||
      length > kMostBlockBytes) {
    return Damaged(block.offset,
                   absl::StrCat("a block has the length ", length));
  }
  block.body.clear();
  if (Read(length - 8, block.body) < length - 8) {
    return Damaged(
        block.offset,
        absl::StrCat("the file ends within a block of ", length,
                     " bytes, of which it has ", block.body.size() + 8));
  }
  const size_t body = length - pcapng::kBlockFrameBytes;
  if (LoadLittleEndian<uint32_t>(block.body.data() + body) != length) {
    return Damaged(block.offset, "the two lengths of a block differ");
  }
  block.body.resize(body);
  return true;
}

absl::StatusOr<std::optional<Record>> RecordingReader::Next() {
  Block block;
  while (true) {
    const absl::StatusOr<bool> read = ReadBlock(block);
    if (!read.ok()) return read.status();
    if (!*read) {
      if (parts_.empty()) return std::nullopt;
      return Damaged(offset_, "the file ends within a record");
    }
    switch (block.type) {
      case pcapng::kSectionHeader: {
        if (block.body.size() < 4 ||
            LoadLittleEndian<uint32_t>(block.body.data()) !=
                pcapng::kByteOrderMagic) {
          return Damaged(block.offset,
                         "this is not a recording of fdrpc capture, or in "
                         "another byte order");
        }
        interfaces_.clear();
        break;
      }
      case pcapng::kInterfaceDescription: {
        absl::Status added = ReadInterface(block);
        if (!added.ok()) return added;
        break;
      }
      case pcapng::kEnhancedPacket: {
        auto record = ReadPacket(block);
        if (!record.ok() || record->has_value()) return record;
        break;
      }
      default:
        break;
    }
  }
}

absl::Status RecordingReader::ReadInterface(const Block& block) {
  ByteReader reader(View(block.body));
  Interface added;
  uint16_t reserved = 0;
  uint32_t most_bytes = 0;
  if (!reader.Read(added.link_type) || !reader.Read(reserved) ||
      !reader.Read(most_bytes)) {
    return Damaged(block.offset, "the description of an interface is cut off");
  }
  uint16_t code = 0;
  uint16_t length = 0;
  std::string_view value;
  while (reader.Read(code) && reader.Read(length) &&
         code != pcapng::kEndOfOptions &&
         reader.Read(pcapng::Padded(length), value)) {
    if (code != pcapng::kTimeResolution || length != 1) continue;
    // A power of ten, or of two with the highest bit.
    const auto resolution = static_cast<uint8_t>(value[0]);
    added.units_per_second = 1;
    if (resolution > 9) {
      return Damaged(block.offset, "the times have an unknown resolution");
    }
    for (int i = 0; i < resolution; ++i) added.units_per_second *= 10;
  }
  interfaces_.push_back(added);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Record>> RecordingReader::ReadPacket(
    const Block& block) {
  ByteReader reader(View(block.body));
  uint32_t interface = 0;
  uint32_t high = 0;
  uint32_t low = 0;
  uint32_t captured = 0;
  uint32_t original = 0;
  std::string_view packet;
  if (!reader.Read(interface) || !reader.Read(high) || !reader.Read(low) ||
      !reader.Read(captured) || !reader.Read(original) ||
      !reader.Read(captured, packet)) {
    return Damaged(block.offset, "a packet is longer than its block");
  }
  if (interface >= interfaces_.size()) {
    return Damaged(block.offset, "a packet is of an interface that is missing");
  }
  if (interfaces_[interface].link_type != kLinkType) return std::nullopt;
  const uint64_t units = interfaces_[interface].units_per_second;
  const uint64_t time = uint64_t{high} << 32 | low;
  if (time / units > kMostSeconds) {
    return Damaged(block.offset, "a packet has a time after the year 2261");
  }

  ByteReader fields(packet);
  std::string_view magic;
  uint8_t version = 0;
  uint8_t kind = 0;
  uint8_t direction = 0;
  uint8_t flags = 0;
  Record record;
  uint16_t descriptors = 0;
  uint16_t reserved = 0;
  if (!fields.Read(4, magic) || magic != kRecordMagic ||
      !fields.Read(version) || version != kRecordVersion ||
      !fields.Read(kind) || kind == 0 ||
      kind > static_cast<uint8_t>(kLastRecordKind) || !fields.Read(direction) ||
      direction > static_cast<uint8_t>(Direction::kFromServer) ||
      !fields.Read(flags) || !fields.Read(record.connection) ||
      !fields.Read(descriptors) || !fields.Read(reserved)) {
    return Damaged(block.offset,
                   "a packet is not a record of fdrpc capture, or of a later "
                   "version");
  }
  record.time_ns = time / units * kNanosecondsPerSecond +
                   time % units * (kNanosecondsPerSecond / units);
  record.kind = static_cast<RecordKind>(kind);
  record.direction = static_cast<Direction>(direction);
  for (int i = 0; i < descriptors; ++i) {
    DescriptorInfo& info = record.descriptors.emplace_back();
    if (!ReadDescriptor(fields, info)) {
      return Damaged(block.offset, "the descriptors of a record are cut off");
    }
  }
  record.content = std::string(fields.rest());
  return Join(block.offset, std::move(record), (flags & kFlagContinues) != 0);
}

absl::StatusOr<std::optional<Record>> RecordingReader::Join(uint64_t offset,
                                                            Record record,
                                                            bool continues) {
  const auto key = std::tuple(record.connection, record.direction, record.kind);
  const auto before = parts_.find(key);
  if (before != parts_.end()) {
    before->second.content += record.content;
    if (before->second.content.size() > kMostRecordBytes) {
      return Damaged(offset, "a record is too long");
    }
    if (continues) return std::nullopt;
    record = std::move(before->second);
    parts_.erase(before);
  } else if (continues) {
    parts_.emplace(key, std::move(record));
    return std::nullopt;
  }
  return record;
}

}  // namespace fdrpc::capture
