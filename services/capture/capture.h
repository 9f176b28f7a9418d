#ifndef FDRPC_SERVICES_CAPTURE_CAPTURE_H_
#define FDRPC_SERVICES_CAPTURE_CAPTURE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/capture/recording_writer.h"

namespace fdrpc::capture {

// A socket whose clients are connected to a server elsewhere, so that what they
// say to each other is recorded.
class Capture {
 public:
  // Both are addresses as those of servers, without those of inherited sockets.
  // INVALID_ARGUMENT if one is wrong, or both are the same; errors of listening
  // name the address. `all_users`: whether clients of other users than root and
  // this process's are accepted, too, by the file's permissions and otherwise.
  static absl::StatusOr<Capture> Listen(const std::string& server,
                                        const std::string& address,
                                        bool all_users);
  Capture(Capture&&) noexcept;
  Capture& operator=(Capture&&) = delete;
  ~Capture();

  // Records until `stop` is readable. Once. `notice` is told in a line what a
  // user at a terminal should know. An error if the recording cannot be
  // written.
  absl::Status Run(RecordingWriter& writer, int stop,
                   std::function<void(const std::string&)> notice);

 private:
  struct Sockets;

  explicit Capture(std::unique_ptr<Sockets> sockets);

  std::unique_ptr<Sockets> sockets_;
};

}  // namespace fdrpc::capture

#endif  // FDRPC_SERVICES_CAPTURE_CAPTURE_H_
