#include "services/capture/recording_writer.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "services/capture/pcapng.h"
#include "wire/little_endian.h"

namespace fdrpc::capture {
namespace {

constexpr size_t kMostPendingBytes = 1u << 20;

void AppendPadded(std::string_view bytes, std::string& to) {
  to.append(bytes);
  to.append(pcapng::Padded(bytes.size()) - bytes.size(), '\0');
}

void AppendOption(uint16_t code, std::string_view value, std::string& to) {
  AppendLittleEndian(to, code);
  AppendLittleEndian(to, static_cast<uint16_t>(value.size()));
  AppendPadded(value, to);
}

// `append` appends the body.
template <typename Append>
void AppendBlock(uint32_t type, std::string& to, Append append) {
  const size_t begin = to.size();
  AppendLittleEndian(to, type);
  AppendLittleEndian(to, uint32_t{0});
  append();
  const auto length = static_cast<uint32_t>(to.size() - begin + 4);
  AppendLittleEndian(to, length);
  StoreLittleEndian(to.data() + begin + 4, length);
}

void AppendDescriptor(const DescriptorInfo& info, std::string& to) {
  AppendLittleEndian(to, static_cast<uint8_t>(info.kind));
  AppendLittleEndian(to, static_cast<uint8_t>(info.access));
  AppendLittleEndian(to, static_cast<uint8_t>(info.nonblocking ? 1 : 0));
  to.append(5, '\0');
  AppendLittleEndian(to, info.size);
  AppendLittleEndian(to, info.device);
  AppendLittleEndian(to, info.inode);
}

}  // namespace

absl::StatusOr<RecordingWriter> RecordingWriter::Create(const std::string& file,
                                                        std::string_view source,
                                                        int stop) {
  absl::StatusOr<RecordingOutput> output = RecordingOutput::Open(file, stop);
  if (!output.ok()) return output.status();
  RecordingWriter writer(*std::move(output));
  std::string& to = writer.pending_;
  AppendBlock(pcapng::kSectionHeader, to, [&] {
    AppendLittleEndian(to, pcapng::kByteOrderMagic);
    AppendLittleEndian(to, uint16_t{1});  // version 1.0
    AppendLittleEndian(to, uint16_t{0});
    AppendLittleEndian(to, ~uint64_t{0});  // the length is not known
    AppendOption(pcapng::kUserApplication, "fdrpc capture", to);
    AppendOption(pcapng::kEndOfOptions, "", to);
  });
  AppendBlock(pcapng::kInterfaceDescription, to, [&] {
    AppendLittleEndian(to, kLinkType);
    AppendLittleEndian(to, uint16_t{0});
    AppendLittleEndian(to, uint32_t{0});  // packets of any length
    AppendOption(pcapng::kInterfaceName, source, to);
    AppendOption(pcapng::kTimeResolution, "\x09", to);  // nanoseconds
    AppendOption(pcapng::kEndOfOptions, "", to);
  });
  return writer;
}

void RecordingWriter::Add(RecordKind kind, Direction direction,
                          uint32_t connection,
                          absl::Span<const DescriptorInfo> descriptors,
                          std::string_view content, std::string_view rest) {
  const auto time_ns = static_cast<uint64_t>(absl::GetCurrentTimeNanos());
  std::string joined;
  if (!rest.empty()) {
    joined.append(content).append(rest);
    content = joined;
  }
  while (true) {
    const std::string_view part = content.substr(0, kMostContentBytes);
    content.remove_prefix(part.size());
    std::string header(kRecordMagic);
    AppendLittleEndian(header, kRecordVersion);
    AppendLittleEndian(header, static_cast<uint8_t>(kind));
    AppendLittleEndian(header, static_cast<uint8_t>(direction));
    AppendLittleEndian(header, content.empty() ? uint8_t{0} : kFlagContinues);
    AppendLittleEndian(header, connection);
    AppendLittleEndian(header, static_cast<uint16_t>(descriptors.size()));
    AppendLittleEndian(header, uint16_t{0});
    for (const DescriptorInfo& info : descriptors) {
      AppendDescriptor(info, header);
    }
    AddPacket(time_ns, direction, header, part);
    if (content.empty()) break;
    descriptors = {};
  }
  if (pending_.size() > kMostPendingBytes) (void)Flush();  // see status_
}

void RecordingWriter::AddPacket(uint64_t time_ns, Direction direction,
                                std::string_view header_and_descriptors,
                                std::string_view content) {
  std::string& to = pending_;
  AppendBlock(pcapng::kEnhancedPacket, to, [&] {
    const auto length =
        static_cast<uint32_t>(header_and_descriptors.size() + content.size());
    AppendLittleEndian(to, uint32_t{0});
    AppendLittleEndian(to, static_cast<uint32_t>(time_ns >> 32));
    AppendLittleEndian(to, static_cast<uint32_t>(time_ns));
    AppendLittleEndian(to, length);
    AppendLittleEndian(to, length);
    to.append(header_and_descriptors);  // a multiple of four bytes
    AppendPadded(content, to);
    if (direction == Direction::kNone) return;
    std::string flags;
    AppendLittleEndian(flags, direction == Direction::kFromClient
                                  ? pcapng::kInbound
                                  : pcapng::kOutbound);
    AppendOption(pcapng::kPacketFlags, flags, to);
    AppendOption(pcapng::kEndOfOptions, "", to);
  });
}

absl::Status RecordingWriter::Flush() {
  if (status_.ok()) status_ = output_.Write(pending_);
  pending_.clear();
  return status_;
}

}  // namespace fdrpc::capture
