#include "services/tool/given_descriptor.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/program/copy.h"

namespace fdrpc::tool {
namespace {

constexpr mode_t kCreated = 0666;  // less the umask

struct FileForm {
  std::string_view prefix;
  int flags;
};
constexpr FileForm kFileForms[] = {
    {"r:", O_RDONLY},
    {"w:", O_WRONLY | O_CREAT | O_TRUNC},
    {"rw:", O_RDWR | O_CREAT},
    {"a:", O_WRONLY | O_CREAT | O_APPEND},
    {"dir:", O_RDONLY | O_DIRECTORY},
    {"path:", O_PATH},
};

absl::Status Failed(const std::string& text) {
  return absl::ErrnoToStatus(errno, text);
}

absl::StatusOr<GivenDescriptor> Only(UniqueFd fd, const std::string& text) {
  if (!fd.ok()) return Failed(text);
  GivenDescriptor given;
  given.fd = std::move(fd);
  return given;
}

absl::StatusOr<GivenDescriptor> Inherited(int number, const std::string& text) {
  return Only(UniqueFd(fcntl(number, F_DUPFD_CLOEXEC, 3)), text);
}

absl::StatusOr<GivenDescriptor> MemoryFile(std::string_view content,
                                           const std::string& text) {
  UniqueFd file(memfd_create("fdrpc", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.ok()) return Failed(text);
  if (!program::WriteAll(file.get(), content)) return Failed(text);
  lseek(file.get(), 0, SEEK_SET);
  return Only(std::move(file), text);
}

absl::StatusOr<GivenDescriptor> Pipe(bool sends_reading_end,
                                     const std::string& text) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return Failed(text);
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  GivenDescriptor given;
  if (sends_reading_end) {
    given.fd = std::move(reading);
    given.feed = std::move(writing);
  } else {
    given.fd = std::move(writing);
    given.output = std::move(reading);
  }
  return given;
}

}  // namespace

absl::StatusOr<GivenDescriptor> OpenDescriptor(const std::string& text) {
  const std::string_view view = text;
  for (const FileForm& form : kFileForms) {
    if (!view.starts_with(form.prefix)) continue;
    const std::string path(view.substr(form.prefix.size()));
    return Only(UniqueFd(open(path.c_str(), form.flags | O_CLOEXEC, kCreated)),
                text);
  }
  if (view == "stdin") return Inherited(STDIN_FILENO, text);
  if (view == "stdout") return Inherited(STDOUT_FILENO, text);
  if (view == "stderr") return Inherited(STDERR_FILENO, text);
  if (view == "pipe:r" || view == "pipe:w") return Pipe(view == "pipe:r", text);
  if (view.starts_with("memfd:")) return MemoryFile(view.substr(6), text);
  int number = 0;
  if (view.starts_with("fd:") && absl::SimpleAtoi(text.substr(3), &number) &&
      number >= 0) {
    return Inherited(number, text);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text,
      "\" is not a descriptor: write r:PATH, w:PATH, rw:PATH, "
      "a:PATH, dir:PATH, path:PATH, fd:NUMBER, stdin, stdout, stderr, "
      "memfd:TEXT, pipe:r or pipe:w"));
}

}  // namespace fdrpc::tool
