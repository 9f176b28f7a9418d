#ifndef FDRPC_SERVICES_FILEBROKER_AUDIT_LOG_H_
#define FDRPC_SERVICES_FILEBROKER_AUDIT_LOG_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::filebroker {

// A line for each operation, appended to a file:
//
//   2026-01-31T12:00:00.000Z uid=1000 pid=4711 Rename "a" "b" NOT_FOUND
//
// A line is lost if it cannot be written at once; the first loss is reported on
// standard error, and another one after lines were written again.
//
// Threads: safe.
class AuditLog {
 public:
  // `path` is created if it is not there; "-" is standard output.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Create(std::string path);

  void Record(const PeerCredentials& client, std::string_view operation,
              const std::vector<std::string>& paths,
              const absl::Status& outcome);
  // Opens the path anew before the next line: the file may have been renamed.
  // Safe in a signal handler.
  void RequestReopening() { is_reopening_.store(true); }

 private:
  AuditLog(std::string path, UniqueFd file)
      : path_(std::move(path)), file_(std::move(file)) {}

  static absl::StatusOr<UniqueFd> OpenFile(const std::string& path);
  // Both with the lock.
  void Reopen();
  void Write(std::string line);
  void ReportLoss(const std::string& why);

  const std::string path_;
  std::atomic<bool> is_reopening_{false};
  std::mutex mutex_;
  UniqueFd file_;
  bool has_lost_ = false;        // and has reported it
  bool is_within_line_ = false;  // the last line was written in part
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_AUDIT_LOG_H_
