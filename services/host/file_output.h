#ifndef FDRPC_SERVICES_HOST_FILE_OUTPUT_H_
#define FDRPC_SERVICES_HOST_FILE_OUTPUT_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"
#include "services/host/log_output.h"

namespace fdrpc::host {

// Appends lines to a file, "TIME PID TEXT" each. Before the file would become
// larger than `max_size`, it is renamed to NAME.1, and that one to NAME.2, and
// so on: `files` old ones are kept. The file and its directory may disappear,
// and the disk be full: each line is tried anew.
class FileOutput final : public LogOutput {
 public:
  FileOutput(std::string path, uint64_t max_size, uint32_t files)
      : path_(std::move(path)), max_size_(max_size), files_(files) {}

  absl::Status Write(const v1::LogLine& line) override;

 private:
  // Opens it, unless it is open; the size that it has.
  absl::StatusOr<uint64_t> Open();
  absl::Status Rotate();
  absl::Status Append(const std::string& text, uint64_t size);
  absl::Status Error() const;  // of errno

  const std::string path_;
  const uint64_t max_size_;
  const uint32_t files_;
  UniqueFd file_;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_FILE_OUTPUT_H_
