#include "wire/metadata_block.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "fdrpc/internal/metadata_rules.h"
#include "wire/byte_reader.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

constexpr size_t kEntryOverhead = sizeof(uint8_t) + sizeof(uint32_t);

size_t BlockBytes(const Metadata& metadata) {
  size_t bytes = 0;
  for (const auto& [key, value] : metadata) {
    bytes += kEntryOverhead + key.size() + value.size();
  }
  return bytes;
}

}  // namespace

absl::Status CheckMetadata(const Metadata& metadata) {
  for (const auto& [key, value] : metadata) {
    absl::Status status = internal::CheckMetadataEntry(key, value);
    if (!status.ok()) return status;
  }
  const size_t bytes = BlockBytes(metadata);
  if (bytes > kMaxMetadataBytes || metadata.size() > kMaxMetadataEntries) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "metadata of ", metadata.size(), " entries and ", bytes,
        " bytes exceeds the protocol's limit of ", kMaxMetadataEntries,
        " entries and ", kMaxMetadataBytes, " bytes"));
  }
  return absl::OkStatus();
}

absl::Status CheckMetadataSize(const Metadata& metadata, size_t most_bytes,
                               std::string_view option) {
  const size_t bytes = BlockBytes(metadata);
  if (bytes <= most_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "metadata of ", bytes, " bytes exceeds the receiver's limit of ",
      most_bytes, " (", std::string(option), ")"));
}

size_t MemoryOf(const Metadata& metadata) {
  size_t bytes = 0;
  for (const Metadata::Entry& entry : metadata) {
    bytes += sizeof(entry) + entry.first.size() + entry.second.size();
  }
  return bytes;
}

void AppendMetadataBlock(const Metadata& metadata, std::string& to) {
  AppendLittleEndian(to, static_cast<uint32_t>(BlockBytes(metadata)));
  for (const auto& [key, value] : metadata) {
    AppendLittleEndian(to, static_cast<uint8_t>(key.size()));
    AppendLittleEndian(to, static_cast<uint32_t>(value.size()));
    to.append(key);
    to.append(value);
  }
}

absl::Status DecodeMetadataBlock(std::string_view block, Metadata& metadata) {
  if (block.size() > kMaxMetadataBytes) {
    return absl::InvalidArgumentError("the metadata block is too large");
  }
  ByteReader reader(block);
  while (!reader.done()) {
    uint8_t key_bytes = 0;
    uint32_t value_bytes = 0;
    std::string_view key, value;
    if (!reader.Read(key_bytes) || !reader.Read(value_bytes) ||
        !reader.Read(key_bytes, key) || !reader.Read(value_bytes, value)) {
      return absl::InvalidArgumentError("the metadata block is malformed");
    }
    absl::Status status = internal::CheckMetadataEntry(key, value);
    if (!status.ok()) return status;
    if (metadata.size() == kMaxMetadataEntries) {
      return absl::InvalidArgumentError("the metadata has too many entries");
    }
    metadata.Add(key, value);
  }
  return absl::OkStatus();
}

absl::Status DecodeHeaders(std::string_view payload, Metadata& headers) {
  ByteReader reader(payload);
  uint32_t bytes = 0;
  std::string_view block;
  if (!reader.Read(bytes) || !reader.Read(bytes, block) || !reader.done()) {
    return absl::InvalidArgumentError(
        "a headers frame is not a metadata block behind its length");
  }
  return DecodeMetadataBlock(block, headers);
}

}  // namespace fdrpc
