#ifndef FDRPC_SERVICES_CAPTURE_RECORDING_OUTPUT_H_
#define FDRPC_SERVICES_CAPTURE_RECORDING_OUTPUT_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::capture {

// What a recording is written to, which has all that was said, and so must not
// become that of another user.
class RecordingOutput {
 public:
  // Makes the file, for its owner alone. A file of this user's that is there is
  // removed first, so that nobody has it open already; pipes and devices are
  // opened as they are. PERMISSION_DENIED for what belongs to another user, and
  // for links of others; INVALID_ARGUMENT for links to files. "-" is standard
  // output.
  //
  // `stop`, if not negative, is readable once Write() may not wait any more.
  // Borrowed.
  static absl::StatusOr<RecordingOutput> Open(const std::string& file,
                                              int stop);

  // Blocks until everything is written. Once `stop` is readable, it waits for a
  // reader that takes nothing for a second more: CANCELLED. Errors name the
  // file.
  absl::Status Write(std::string_view bytes);

 private:
  RecordingOutput(std::string name, UniqueFd fd, int stop);

  static absl::StatusOr<UniqueFd> OpenFile(const std::string& file);
  absl::Status AwaitRoom();

  std::string name_;
  UniqueFd fd_;
  int stop_;
  bool may_block_ = false;
};

}  // namespace fdrpc::capture

#endif  // FDRPC_SERVICES_CAPTURE_RECORDING_OUTPUT_H_
