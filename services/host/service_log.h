#ifndef FDRPC_SERVICES_HOST_SERVICE_LOG_H_
#define FDRPC_SERVICES_HOST_SERVICE_LOG_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "fdrpc/host/v1/host.pb.h"
#include "services/host/hosted_service.h"

namespace fdrpc::host {

class LogFollower;
class LogOutput;

// What the processes of one service write: keeps the last lines, writes all
// lines to the journal or a file, and passes them to followers. Never waits for
// any of these: what they do not take is counted, and the log says so.
//
// Threads: the loop's.
class ServiceLog {
 public:
  struct Options {
    std::string name;  // the service's
    LogSettings settings;
    // Of files. If empty, DESTINATION_AUTOMATIC is without files, too, and a
    // log that should be a file says that it is not.
    std::string directory;
    std::string journal_socket = "/run/systemd/journal/socket";
    // In memory.
    size_t max_lines = 1000;
    size_t max_bytes = 256 << 10;
  };
  // Of a line; what is longer is cut, and the rest is another line.
  static constexpr size_t kMostOfLine = 4096;

  explicit ServiceLog(Options options);
  ~ServiceLog();  // ends all followers
  ServiceLog(const ServiceLog&) = delete;
  ServiceLog& operator=(const ServiceLog&) = delete;

  // After the configuration was read again.
  void Configure(const LogSettings& settings);

  // What the process has written: any bytes, which need not end with a line.
  void Append(pid_t pid, std::string_view bytes);
  // The process writes no more: what follows its last newline is a line, too.
  void End(pid_t pid);
  // A line of the host's own about the service.
  void Say(std::string_view text);

  // Begins to write a line, and calls `written` once it can take the next one;
  // with false if it never will.
  using Written = absl::AnyInvocable<void(bool)>;
  using Write = absl::AnyInvocable<void(const v1::LogLine&, Written written)>;
  // No line follows.
  using Finish = absl::AnyInvocable<void(absl::Status)>;
  // Writes the last `lines` lines, at most those in memory, and if `follow` the
  // next ones until Unfollow(). Finishes with OK after the last line without
  // `follow`; with RESOURCE_EXHAUSTED once it takes lines too slowly; with
  // UNAVAILABLE when this is destroyed. Either function may be called before
  // this returns, which is with a number for Unfollow().
  uint64_t Follow(size_t lines, bool follow, Write write, Finish finish);
  // Calls neither function again. No effect if it has finished.
  void Unfollow(uint64_t follower);

 private:
  void Add(v1::LogLine line);
  absl::Status Output(const v1::LogLine& line);
  // In memory, and by the followers.
  void Keep(v1::LogLine line);

  const Options options_;
  std::map<pid_t, std::string> unfinished_;  // lines
  std::deque<v1::LogLine> lines_;
  size_t bytes_ = 0;                   // of their texts
  std::unique_ptr<LogOutput> output_;  // null: there is none
  uint64_t missing_ = 0;  // lines that it has not taken, and not been told of
  std::map<uint64_t, std::shared_ptr<LogFollower>> followers_;
  uint64_t last_follower_ = 0;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_SERVICE_LOG_H_
