#include <pwd.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "services/tool/commands.h"
#include "services/tool/exit_status.h"
#include "services/tool/target.h"
#include "services/tool/unix_connections.h"
#include "services/tool/unix_sockets.h"

namespace fdrpc::tool {
namespace {

using program::CommandLine;

// Whether a server of fdrpc has bound the path: it keeps a lock file beside it.
bool HasLockFile(const std::string& path) {
  struct stat info;
  return path.starts_with('/') && stat((path + ".lock").c_str(), &info) == 0 &&
         S_ISREG(info.st_mode);
}

// Where others find a socket that was bound to a relative path: in the working
// directory of its process, unless that has changed since.
UnixSocket WithWholePath(UnixSocket socket, const SocketOwner& owner) {
  if (socket.path.starts_with('/') || socket.path.starts_with('@')) {
    return socket;
  }
  const std::string path =
      (std::filesystem::path(owner.working_directory) / socket.path)
          .lexically_normal();
  if (!HasLockFile(path)) return socket;
  const std::string scheme =
      socket.address.substr(0, socket.address.size() - socket.path.size());
  return {.address = scheme + path, .path = path, .inode = socket.inode};
}

std::string UserName(uid_t uid) {
  const passwd* user = getpwuid(uid);
  return user == nullptr ? absl::StrCat(uid) : user->pw_name;
}

// What answers there, a line each, or why nothing does.
void PrintServices(const Target& target, const std::string& address) {
  const absl::StatusOr<Channel> channel = target.Connect(address);
  absl::Status status = channel.status();
  if (channel.ok()) {
    const auto schema = target.OpenSchema(*channel);
    const auto services = (*schema)->Services();
    status = services.status();
    if (services.ok()) {
      for (const std::string& service : *services) {
        std::cout << "          " << OneLine(service) << "\n";
      }
      return;
    }
  }
  std::cout << "          ("
            << OneLine(absl::StrCat(absl::StatusCodeToString(status.code()),
                                    ": ", status.message()))
            << ")\n";
}

// The processes that are connected there, a line each.
void PrintClients(const std::multimap<std::string, uint64_t>& connections,
                  const std::map<uint64_t, SocketOwner>& owners,
                  const std::string& address) {
  std::map<std::string, int> clients;
  const auto [begin, end] = connections.equal_range(address);
  for (auto connection = begin; connection != end; ++connection) {
    const auto owner = owners.find(connection->second);
    ++clients[owner == owners.end()
                  ? std::string("      - -         -")
                  : absl::StrFormat("%7d %-9s %s", owner->second.pid,
                                    UserName(owner->second.uid),
                                    OneLine(owner->second.command))];
  }
  for (const auto& [client, count] : clients) {
    std::cout << "          client " << client
              << (count == 1 ? "" : absl::StrCat(" (", count, " connections)"))
              << "\n";
  }
}

// The addresses of the command line, with whole paths.
absl::StatusOr<std::set<std::string>> Wanted(const CommandLine& line) {
  std::set<std::string> wanted;
  for (const std::string& address : line.operands()) {
    const size_t colon = address.find(':');
    const std::string scheme = address.substr(0, colon);
    if (colon == std::string::npos || colon + 1 == address.size() ||
        (scheme != "unix" && scheme != "unix-seqpacket" &&
         scheme != "unix-dgram")) {
      return absl::InvalidArgumentError(absl::StrCat(
          "ps: \"", address,
          "\" is not the address of a server: unix:PATH, "
          "unix-seqpacket:PATH, unix-dgram:PATH, or @NAME for the PATH"));
    }
    const std::string path = address.substr(colon + 1);
    wanted.insert(absl::StrCat(
        scheme, ":",
        path.starts_with('@')
            ? path
            : std::filesystem::absolute(path).lexically_normal().string()));
  }
  return wanted;
}

int RunPs(const CommandLine& line) {
  const absl::StatusOr<Target> target = Target::Parse(line, absl::Seconds(1));
  if (!target.ok()) return FailUsage(target.status());
  const absl::StatusOr<std::set<std::string>> wanted = Wanted(line);
  if (!wanted.ok()) return FailUsage(wanted.status());
  std::set<std::string> missing = *wanted;
  std::ifstream table("/proc/net/unix");
  if (!table) {
    return Fail(absl::UnavailableError("/proc/net/unix cannot be read"));
  }
  const std::string content(std::istreambuf_iterator<char>(table), {});
  std::multimap<std::string, uint64_t> connections;
  if (line.Has("clients")) {
    auto found = FindUnixConnections();
    if (!found.ok()) return Fail(found.status());
    connections = *std::move(found);
  }
  const std::map<uint64_t, SocketOwner> owners = FindSocketOwners();
  std::cout << absl::StrFormat("%7s %-9s %-16s %s\n", "PID", "USER", "COMMAND",
                               "ADDRESS");
  for (const UnixSocket& bound : ParseUnixSockets(content)) {
    const auto owner = owners.find(bound.inode);
    const bool known = owner != owners.end();
    const UnixSocket socket =
        known ? WithWholePath(bound, owner->second) : bound;
    if (!wanted->empty() ? !wanted->contains(socket.address)
                         : !line.Has("all") && !HasLockFile(socket.path)) {
      continue;
    }
    missing.erase(socket.address);
    std::cout << absl::StrFormat(
        "%7s %-9s %-16s %s\n",
        known ? absl::StrCat(owner->second.pid) : std::string("-"),
        known ? UserName(owner->second.uid) : "-",
        known ? OneLine(owner->second.command) : "-", OneLine(socket.address));
    PrintClients(connections, owners, bound.address);
    if (line.Has("services")) PrintServices(*target, socket.address);
  }
  if (missing.empty()) return kExitOk;
  return Fail(absl::NotFoundError(
      absl::StrCat("nobody has bound ", absl::StrJoin(missing, ", "))));
}

}  // namespace

Command PsCommand() {
  return {
      .name = "ps",
      .operands = "[ADDRESS]...",
      .summary = "lists the servers of this machine",
      .help =
          "Prints the sockets that fdrpc servers have bound to a file, in "
          "this network namespace,\nwith the process that has each open "
          "(- if this user may not see it). Servers are known\nby the lock "
          "file beside their socket. Abstract names have none; --all shows "
          "them. With\nADDRESSes, only these.",
      .options = {{{"all", CommandLine::Arity::kFlag, 'a'},
                   "",
                   "all sockets that a server could have, of fdrpc or not"},
                  {{"clients", CommandLine::Arity::kFlag, 'c'},
                   "",
                   "the processes that are connected to each, too; not of\n"
                   "unix-dgram:, where connections have no address"},
                  {{"services", CommandLine::Arity::kFlag, 's'},
                   "",
                   "connects to each, and lists its services by reflection"},
                  {{"timeout", CommandLine::Arity::kOnce, 't'},
                   "TIME",
                   "how long each may take to answer (1s)"}},
      .run = RunPs};
}

}  // namespace fdrpc::tool
