#ifndef FDRPC_SERVICES_CAPTURE_RECORDING_WRITER_H_
#define FDRPC_SERVICES_CAPTURE_RECORDING_WRITER_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fdrpc/unique_fd.h"
#include "services/capture/record.h"

namespace fdrpc::capture {

// Writes a recording. Keeps what is added in memory until Flush(), or until it
// is much.
class RecordingWriter {
 public:
  // Makes the file, for its owner alone, since it has all that passes by. An
  // existing file is emptied. "-" is standard output. `source` is for people:
  // what is recorded. Errors name the file.
  static absl::StatusOr<RecordingWriter> Create(const std::string& file,
                                                std::string_view source);

  // Adds a record with the present time. `content` is in two parts.
  void Add(RecordKind kind, Direction direction, uint32_t connection,
           absl::Span<const DescriptorInfo> descriptors,
           std::string_view content, std::string_view rest = {});

  // Blocks until everything is written. After an error, which may be that of an
  // earlier write, nothing is written any more.
  absl::Status Flush();

 private:
  RecordingWriter(std::string name, UniqueFd fd)
      : name_(std::move(name)), fd_(std::move(fd)) {}

  void AddPacket(uint64_t time_ns, Direction direction,
                 std::string_view header_and_descriptors,
                 std::string_view content);

  std::string name_;
  UniqueFd fd_;
  std::string pending_;
  absl::Status status_;
};

}  // namespace fdrpc::capture

#endif  // FDRPC_SERVICES_CAPTURE_RECORDING_WRITER_H_
