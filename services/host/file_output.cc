#include "services/host/file_output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/program/copy.h"

namespace fdrpc::host {
namespace {

constexpr mode_t kLogMode = 0640;

std::string Formatted(const v1::LogLine& line) {
  return absl::StrCat(
      absl::FormatTime(
          "%Y-%m-%dT%H:%M:%E6SZ",
          absl::FromUnixMicros(static_cast<int64_t>(line.time_us())),
          absl::UTCTimeZone()),
      " ", line.pid(), " ", line.text(), "\n");
}

}  // namespace

absl::Status FileOutput::Error() const {
  return absl::ErrnoToStatus(errno, path_);
}

absl::Status FileOutput::Write(const v1::LogLine& line) {
  const std::string text = Formatted(line);
  absl::StatusOr<uint64_t> size = Open();
  if (size.ok() && *size > 0 && *size + text.size() > max_size_) {
    if (absl::Status rotated = Rotate(); !rotated.ok()) return rotated;
    size = Open();
  }
  if (!size.ok()) return size.status();
  return Append(text, *size);
}

absl::StatusOr<uint64_t> FileOutput::Open() {
  struct stat info;
  const auto is_good = [&] {
    // Somebody may have removed it.
    return fstat(file_.get(), &info) == 0 && info.st_nlink > 0;
  };
  if (file_.ok() && is_good()) return static_cast<uint64_t>(info.st_size);
  // Not blocking, should it be a pipe.
  file_ = UniqueFd(open(path_.c_str(),
                        O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
                            O_NONBLOCK | O_NOCTTY,
                        kLogMode));
  if (!file_.ok() || fstat(file_.get(), &info) < 0) return Error();
  if (!S_ISREG(info.st_mode)) {
    file_ = UniqueFd();
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " is not a regular file"));
  }
  if (info.st_uid != geteuid() || info.st_nlink != 1) {
    // Somebody who may write to the directory would choose what is written to.
    file_ = UniqueFd();
    return absl::FailedPreconditionError(absl::StrCat(
        path_, " belongs to another user, or has another name: remove it"));
  }
  return static_cast<uint64_t>(info.st_size);
}

absl::Status FileOutput::Rotate() {
  for (uint32_t i = files_; i > 0; --i) {
    const std::string from = i == 1 ? path_ : absl::StrCat(path_, ".", i - 1);
    const std::string to = absl::StrCat(path_, ".", i);
    if (std::rename(from.c_str(), to.c_str()) < 0 && errno != ENOENT) {
      return Error();
    }
  }
  file_ = UniqueFd();
  return absl::OkStatus();
}

absl::Status FileOutput::Append(const std::string& text, uint64_t size) {
  if (program::WriteAll(file_.get(), text)) return absl::OkStatus();
  absl::Status error = Error();
  // Half a line may have been written.
  if (ftruncate(file_.get(), static_cast<off_t>(size)) < 0) {
    file_ = UniqueFd();
  }
  return error;
}

}  // namespace fdrpc::host
