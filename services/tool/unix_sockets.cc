#include "services/tool/unix_sockets.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace fdrpc::tool {
namespace {

constexpr uint64_t kListening = 0x10000;  // __SO_ACCEPTCON

// The scheme of an address; empty if no server can have such a socket.
std::string SchemeOf(absl::string_view type, bool listening) {
  if (type == "0001" && listening) return "unix:";
  if (type == "0005" && listening) return "unix-seqpacket:";
  if (type == "0002") return "unix-dgram:";
  return "";
}

bool ParseHex(absl::string_view text, uint64_t& value) {
  return absl::SimpleHexAtoi(text, &value);
}

void AddOwners(const std::filesystem::path& process, pid_t pid,
               std::map<uint64_t, SocketOwner>& owners) {
  struct stat info;
  if (stat(process.c_str(), &info) < 0) return;
  SocketOwner owner = {
      .pid = pid, .uid = info.st_uid, .command = "", .working_directory = ""};
  std::error_code error;
  std::filesystem::directory_iterator fds(process / "fd", error);
  for (; !error && fds != std::filesystem::directory_iterator();
       fds.increment(error)) {
    std::error_code unreadable;
    const std::string target =
        std::filesystem::read_symlink(fds->path(), unreadable).string();
    uint64_t inode = 0;
    absl::string_view number = target;
    if (!absl::ConsumePrefix(&number, "socket:[") ||
        !absl::ConsumeSuffix(&number, "]") ||
        !absl::SimpleAtoi(number, &inode)) {
      continue;
    }
    if (owner.command.empty()) {
      std::ifstream name(process / "comm");
      std::getline(name, owner.command);
      owner.working_directory =
          std::filesystem::read_symlink(process / "cwd", unreadable).string();
    }
    const auto [it, is_new] = owners.try_emplace(inode, owner);
    if (!is_new && owner.pid < it->second.pid) it->second = owner;
  }
}

}  // namespace

std::vector<UnixSocket> ParseUnixSockets(std::string_view table) {
  std::vector<UnixSocket> sockets;
  std::set<std::string> addresses;
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(table.data(), table.size()), '\n')) {
    // Num RefCount Protocol Flags Type St Inode Path; the path may have spaces.
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, ' ', absl::SkipEmpty());
    uint64_t flags = 0;
    uint64_t inode = 0;
    if (words.size() < 8 || !ParseHex(words[3], flags) ||
        !absl::SimpleAtoi(words[6], &inode)) {
      continue;
    }
    const std::string scheme = SchemeOf(words[4], (flags & kListening) != 0);
    if (scheme.empty()) continue;
    const std::string path(
        line.substr(static_cast<size_t>(words[7].data() - line.data())));
    const std::string address = absl::StrCat(scheme, path);
    const bool is_relative = !path.starts_with('/') && !path.starts_with('@');
    if (!is_relative && !addresses.insert(address).second) continue;
    sockets.push_back({.address = address, .path = path, .inode = inode});
  }
  return sockets;
}

std::map<uint64_t, SocketOwner> FindSocketOwners() {
  std::map<uint64_t, SocketOwner> owners;
  std::error_code error;
  std::filesystem::directory_iterator processes("/proc", error);
  for (; !error && processes != std::filesystem::directory_iterator();
       processes.increment(error)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(processes->path().filename().string(), &pid)) {
      continue;
    }
    AddOwners(processes->path(), pid, owners);
  }
  return owners;
}

}  // namespace fdrpc::tool
