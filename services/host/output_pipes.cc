#include "services/host/output_pipes.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "absl/strings/str_cat.h"

namespace fdrpc::host {
namespace {

// As much as a pipe has by default.
constexpr size_t kReadBytes = 64u << 10;
// Of one that is written to as fast as it is read.
constexpr int kMostReads = 16;

}  // namespace

OutputPipes::~OutputPipes() {
  for (const auto& [id, pipe] : pipes_) loop_.Unwatch(pipe.read_end.get());
}

void OutputPipes::Add(const std::string& id, pid_t pid, SharedFd read_end) {
  keeper_.Put(absl::StrCat(prefix_, id), absl::StrCat(pid), read_end);
  Adopt(id, pid, std::move(read_end));
}

void OutputPipes::Adopt(const std::string& id, pid_t pid, SharedFd read_end) {
  const int fd = read_end.get();
  pipes_[id] = {pid, std::move(read_end)};
  // Without memory for that in the kernel the output is lost.
  (void)loop_.Watch(fd, [this, id] { (void)Read(id); });
}

bool OutputPipes::Read(const std::string& id) {
  const Pipe& pipe = pipes_.at(id);
  std::array<char, kReadBytes> buffer;
  const ssize_t bytes = read(pipe.read_end.get(), buffer.data(), buffer.size());
  if (bytes > 0) {
    log_.Append(pipe.pid, {buffer.data(), static_cast<size_t>(bytes)});
    return true;
  }
  if (bytes < 0 && (errno == EINTR || errno == EAGAIN)) return false;
  End(id);
  return false;
}

void OutputPipes::ReadAllOf(pid_t pid) {
  std::vector<std::string> ids;
  for (const auto& [id, pipe] : pipes_) {
    if (pipe.pid == pid) ids.push_back(id);
  }
  for (const std::string& id : ids) {
    for (int i = 0; i < kMostReads && Read(id); ++i) {
    }
  }
}

void OutputPipes::End(const std::string& id) {
  const auto found = pipes_.find(id);
  loop_.Unwatch(found->second.read_end.get());
  log_.End(found->second.pid);
  keeper_.Drop(absl::StrCat(prefix_, id));
  pipes_.erase(found);
}

void OutputPipes::Close() {
  while (!pipes_.empty()) {
    const std::string id = pipes_.begin()->first;
    for (int i = 0; i < kMostReads && Read(id); ++i) {
    }
    if (pipes_.contains(id)) End(id);
  }
}

}  // namespace fdrpc::host
