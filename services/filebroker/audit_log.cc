#include "services/filebroker/audit_log.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/filebroker/open_error.h"

namespace fdrpc::filebroker {

static_assert(std::atomic<bool>::is_always_lock_free,
              "a signal handler sets it");

absl::StatusOr<UniqueFd> AuditLog::OpenFile(const std::string& path) {
  // O_NONBLOCK: neither opening nor writing waits for the reader of a FIFO.
  UniqueFd file(path == "-" ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                            : open(path.c_str(),
                                   O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
                                       O_NONBLOCK | O_NOCTTY,
                                   0600));
  if (!file.ok()) {
    return absl::ErrnoToStatus(errno, absl::StrCat("the audit log ", path));
  }
  return file;
}

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Create(std::string path) {
  absl::StatusOr<UniqueFd> file = OpenFile(path);
  if (!file.ok()) return file.status();
  return std::unique_ptr<AuditLog>(
      new AuditLog(std::move(path), *std::move(file)));
}

void AuditLog::Record(const PeerCredentials& client, std::string_view operation,
                      const std::vector<std::string>& paths,
                      const absl::Status& outcome) {
  std::string line = absl::StrCat(
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(),
                       absl::UTCTimeZone()),
      " uid=", client.uid, " pid=", client.pid, " ", std::string(operation));
  // Quoted: a path cannot look like another field or line.
  for (const std::string& path : paths) {
    absl::StrAppend(&line, " ", Quoted(path));
  }
  absl::StrAppend(&line, " ", absl::StatusCodeToString(outcome.code()), "\n");
  const std::lock_guard lock(mutex_);
  if (is_reopening_.exchange(false)) Reopen();
  Write(std::move(line));
}

void AuditLog::Reopen() {
  if (path_ == "-") return;
  absl::StatusOr<UniqueFd> file = OpenFile(path_);
  if (!file.ok()) {
    std::cerr << absl::StrCat("fdrpc-filebroker: ", file.status().message(),
                              "; it continues in the former file\n");
    return;
  }
  file_ = *std::move(file);
  has_lost_ = false;
  is_within_line_ = false;
}

void AuditLog::Write(std::string line) {
  if (is_within_line_) line.insert(0, "\n");
  // Standard output may be a pipe without O_NONBLOCK.
  pollfd room = {.fd = file_.get(), .events = POLLOUT, .revents = 0};
  if (poll(&room, 1, 0) == 0) return ReportLoss("nobody reads it");
  ssize_t written = 0;
  do {
    written = write(file_.get(), line.data(), line.size());
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(line.size())) {
    has_lost_ = false;
    is_within_line_ = false;
    return;
  }
  if (written > 0) is_within_line_ = true;
  char buffer[128];
  ReportLoss(written < 0 ? strerror_r(errno, buffer, sizeof(buffer))
                         : "only a part of a line could be written");
}

void AuditLog::ReportLoss(const std::string& why) {
  if (has_lost_) return;
  has_lost_ = true;
  std::cerr << absl::StrCat("fdrpc-filebroker: the audit log ", path_,
                            " loses lines: ", why, "\n");
}

}  // namespace fdrpc::filebroker
