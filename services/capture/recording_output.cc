#include "services/capture/recording_output.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"

namespace fdrpc::capture {
namespace {

constexpr int kLastWaitMs = 1000;

absl::Status OfAnotherUser(const std::string& file, const struct stat& info) {
  return absl::PermissionDeniedError(
      absl::StrCat(file, " belongs to user ", info.st_uid,
                   ", who must not have the recording; name another file"));
}

// Fails if something is there, also a link that leads nowhere.
UniqueFd MakeFile(const std::string& file) {
  return UniqueFd(open(file.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       0600));
}

// Opens what is no regular file. `is_link`: `file` is a link, of a user who is
// trusted.
absl::StatusOr<UniqueFd> OpenSpecial(const std::string& file, bool is_link) {
  // Opening a pipe does not wait for its reader.
  UniqueFd fd(open(file.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
                                     (is_link ? 0 : O_NOFOLLOW)));
  if (!fd.ok() && errno == ENXIO) {
    return absl::FailedPreconditionError(
        absl::StrCat(file, ": nobody has it open for reading"));
  }
  if (!fd.ok()) return absl::ErrnoToStatus(errno, file);
  struct stat info;
  if (fstat(fd.get(), &info) < 0) return absl::ErrnoToStatus(errno, file);
  if (S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, " is a link; name the file itself"));
  }
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return OfAnotherUser(file, info);
  }
  return fd;
}

}  // namespace

absl::StatusOr<UniqueFd> RecordingOutput::OpenFile(const std::string& file) {
  UniqueFd fd = MakeFile(file);
  if (fd.ok()) return fd;
  if (errno != EEXIST) return absl::ErrnoToStatus(errno, file);
  struct stat info;
  if (lstat(file.c_str(), &info) < 0) return absl::ErrnoToStatus(errno, file);
  if (!S_ISREG(info.st_mode)) {
    // In a directory such as /tmp, another user's link could lead anywhere.
    if (S_ISLNK(info.st_mode) && info.st_uid != geteuid() && info.st_uid != 0) {
      return OfAnotherUser(file, info);
    }
    return OpenSpecial(file, S_ISLNK(info.st_mode));
  }
  if (info.st_uid != geteuid()) return OfAnotherUser(file, info);
  if (unlink(file.c_str()) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat(file, ": replacing it"));
  }
  fd = MakeFile(file);
  if (!fd.ok()) return absl::ErrnoToStatus(errno, file);
  return fd;
}

absl::StatusOr<RecordingOutput> RecordingOutput::Open(const std::string& file,
                                                      int stop) {
  if (file == "-") {
    UniqueFd output(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!output.ok()) return absl::ErrnoToStatus(errno, "standard output");
    return RecordingOutput("standard output", std::move(output), stop);
  }
  absl::StatusOr<UniqueFd> fd = OpenFile(file);
  if (!fd.ok()) return fd.status();
  return RecordingOutput(file, *std::move(fd), stop);
}

RecordingOutput::RecordingOutput(std::string name, UniqueFd fd, int stop)
    : name_(std::move(name)), fd_(std::move(fd)), stop_(stop) {
  struct stat info;
  may_block_ = fstat(fd_.get(), &info) < 0 || !S_ISREG(info.st_mode);
}

absl::Status RecordingOutput::AwaitRoom() {
  int timeout_ms = -1;
  while (true) {
    pollfd polled[] = {{.fd = fd_.get(), .events = POLLOUT, .revents = 0},
                       {.fd = stop_, .events = POLLIN, .revents = 0}};
    const int ready = poll(polled, timeout_ms < 0 ? 2 : 1, timeout_ms);
    if (ready < 0 && errno != EINTR) return absl::ErrnoToStatus(errno, "poll");
    if (ready < 0) continue;
    if (polled[0].revents != 0) return absl::OkStatus();
    if (timeout_ms >= 0) {
      return absl::CancelledError(absl::StrCat(
          name_, ": its reader takes nothing; the recording is cut off"));
    }
    timeout_ms = kLastWaitMs;
  }
}

absl::Status RecordingOutput::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t most = bytes.size();
    if (may_block_) {
      absl::Status room = AwaitRoom();
      if (!room.ok()) return room;
      // So much does not block: standard output is not made non-blocking,
      // because others have it, too.
      most = std::min<size_t>(most, PIPE_BUF);
    }
    const ssize_t written = write(fd_.get(), bytes.data(), most);
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      return absl::ErrnoToStatus(errno, absl::StrCat(name_, ": writing"));
    }
  }
  return absl::OkStatus();
}

}  // namespace fdrpc::capture
