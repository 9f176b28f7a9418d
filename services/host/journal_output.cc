#include "services/host/journal_output.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace fdrpc::host {
namespace {

constexpr int kUsualPriority = 6;  // LOG_INFO
// So that a journal that is busy for a moment loses nothing.
constexpr int kSendBuffer = 8 << 20;

void AddField(std::string_view name, std::string_view value,
              std::string& datagram) {
  datagram.append(name).append("=").append(value).append("\n");
}

// The form for values of any bytes.
void AddBinaryField(std::string_view name, std::string_view value,
                    std::string& datagram) {
  datagram.append(name).append("\n");
  uint64_t size = value.size();
  for (int i = 0; i < 8; ++i, size >>= 8) {
    datagram.push_back(static_cast<char>(size & 0xff));
  }
  datagram.append(value).append("\n");
}

// Takes a prefix such as "<3>" from the text.
int TakePriority(std::string_view& text) {
  if (text.size() < 3 || text[0] != '<' || text[1] < '0' || text[1] > '7' ||
      text[2] != '>') {
    return kUsualPriority;
  }
  const int priority = text[1] - '0';
  text.remove_prefix(3);
  return priority;
}

}  // namespace

bool JournalOutput::IsThere(const std::string& socket) {
  struct stat file;
  return stat(socket.c_str(), &file) == 0 && S_ISSOCK(file.st_mode);
}

absl::Status JournalOutput::Open() {
  if (socket_.ok()) return absl::OkStatus();
  socket_ =
      UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_.ok()) return absl::ErrnoToStatus(errno, "a socket");
  // As far as the system lets it.
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer,
             sizeof(kSendBuffer));
  return absl::OkStatus();
}

absl::Status JournalOutput::Write(const v1::LogLine& line) {
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  if (path_.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, " is too long for a socket"));
  }
  path_.copy(address.sun_path, path_.size());
  if (absl::Status opened = Open(); !opened.ok()) return opened;

  std::string_view text = line.text();
  std::string datagram;
  AddField("PRIORITY", std::to_string(TakePriority(text)), datagram);
  AddField("SYSLOG_IDENTIFIER", service_, datagram);
  AddField("SYSLOG_PID", std::to_string(line.pid()), datagram);
  AddField("OBJECT_PID", std::to_string(line.pid()), datagram);
  AddBinaryField("MESSAGE", text, datagram);
  // Not connected, so that it survives a restart of the journal.
  if (sendto(socket_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address),
             sizeof(address)) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("the journal at ", path_));
  }
  return absl::OkStatus();
}

}  // namespace fdrpc::host
