#ifndef FDRPC_SERVICES_CAPTURE_RECORDING_READER_H_
#define FDRPC_SERVICES_CAPTURE_RECORDING_READER_H_

#include <cstdint>
#include <istream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/capture/record.h"

namespace fdrpc::capture {

// Reads the records of a file, one at a time. Packets of other link types, and
// blocks that it does not know, are skipped. Memory grows with what the file
// has, not with what a length in it says.
class RecordingReader {
 public:
  // "-" is standard input. NOT_FOUND and so on if it cannot be opened.
  static absl::StatusOr<RecordingReader> Open(const std::string& file);

  // Empty at the end. DATA_LOSS, with the file and the offset, if it is
  // damaged, cut off, or no recording; nothing can be read after that.
  absl::StatusOr<std::optional<Record>> Next();

 private:
  struct Interface {
    uint16_t link_type = 0;
    uint64_t units_per_second = 1'000'000;
  };
  struct Block {
    uint64_t offset = 0;
    uint32_t type = 0;
    std::string body;
  };

  RecordingReader(std::string name, std::unique_ptr<std::istream> owned,
                  std::istream& stream)
      : name_(std::move(name)), owned_(std::move(owned)), stream_(stream) {}

  absl::Status Damaged(uint64_t offset, std::string_view what) const;
  // False at the end of the file.
  absl::StatusOr<bool> ReadBlock(Block& block);
  // Appends up to `bytes` bytes; fewer only at the end of the file.
  size_t Read(size_t bytes, std::string& to);
  absl::Status ReadInterface(const Block& block);
  // Empty if the packet is of another link type, or is continued.
  absl::StatusOr<std::optional<Record>> ReadPacket(const Block& block);
  absl::StatusOr<std::optional<Record>> Join(uint64_t offset, Record record,
                                             bool continues);

  std::string name_;
  std::unique_ptr<std::istream> owned_;
  std::istream& stream_;
  uint64_t offset_ = 0;
  std::vector<Interface> interfaces_;
  // Records of which a part was read.
  std::map<std::tuple<uint32_t, Direction, RecordKind>, Record> parts_;
};

}  // namespace fdrpc::capture

#endif  // FDRPC_SERVICES_CAPTURE_RECORDING_READER_H_
