#ifndef FDRPC_SERVICES_CAPTURE_RECORDING_WRITER_H_
#define FDRPC_SERVICES_CAPTURE_RECORDING_WRITER_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/capture/record.h"
#include "services/capture/recording_output.h"

namespace fdrpc::capture {

// Writes a recording. Keeps what is added in memory until Flush(), or until it
// is much.
class RecordingWriter {
 public:
  // `file` and `stop` as for RecordingOutput::Open(). `source` is for people:
  // what is recorded.
  static absl::StatusOr<RecordingWriter> Create(const std::string& file,
                                                std::string_view source,
                                                int stop = -1);

  // Adds a record with the present time. `content` is in two parts.
  void Add(RecordKind kind, Direction direction, uint32_t connection,
           absl::Span<const DescriptorInfo> descriptors,
           std::string_view content, std::string_view rest = {});

  // Blocks until everything is written. After an error, which may be that of an
  // earlier write, nothing is written any more.
  absl::Status Flush();

 private:
  explicit RecordingWriter(RecordingOutput output)
      : output_(std::move(output)) {}

  void AddPacket(uint64_t time_ns, Direction direction,
                 std::string_view header_and_descriptors,
                 std::string_view content);

  RecordingOutput output_;
  std::string pending_;
  absl::Status status_;
};

}  // namespace fdrpc::capture

#endif  // FDRPC_SERVICES_CAPTURE_RECORDING_WRITER_H_
