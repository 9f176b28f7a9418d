#include "os/activation.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <limits>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/mutex.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

// SD_LISTEN_FDS_START of sd-daemon.h.
constexpr int kFirst = 3;

struct PassedSocket {
  int number = -1;
  std::string name = {};
  bool taken = false;
};

// The sockets that were passed to a process, after it has asked for the first
// time.
struct PassedSockets {
  Mutex mu;
  // The process that `sockets` is for. A child made by fork(2) has a copy of
  // its parent's.
  pid_t process ABSL_GUARDED_BY(mu) = 0;
  std::vector<PassedSocket> sockets ABSL_GUARDED_BY(mu);
};

PassedSockets& OfThisProgram() {
  static PassedSockets& passed = *new PassedSockets;
  return passed;
}

absl::StatusOr<std::vector<PassedSocket>> ReadEnvironment() {
  absl::StatusOr<ListenVariables> variables = ListenVariables::Parse(
      std::getenv("LISTEN_PID"), std::getenv("LISTEN_FDS"),
      std::getenv("LISTEN_FDNAMES"), ::getpid());
  if (!variables.ok()) return variables.status();
  std::vector<PassedSocket> sockets;
  for (int i = 0; i < variables->count; ++i) {
    if (Syscalls::Get().set_close_on_exec(kFirst + i) < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("LISTEN_FDS is ", variables->count, ", but descriptor ",
                       kFirst + i, " is not open"));
    }
    sockets.push_back({.number = kFirst + i});
    if (!variables->names.empty()) {
      sockets.back().name = std::move(variables->names[i]);
    }
  }
  return sockets;
}

absl::Status NoneOfThatName(std::string_view name,
                            const std::vector<PassedSocket>& sockets) {
  std::set<std::string> names;
  for (const PassedSocket& socket : sockets) {
    names.insert(absl::StrCat("\"", socket.name, "\""));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "no socket of the name \"", std::string(name),
      "\" was passed; their names (FileDescriptorName=, LISTEN_FDNAMES) are ",
      absl::StrJoin(names, ", ")));
}

}  // namespace

absl::StatusOr<ListenVariables> ListenVariables::Parse(const char* pid,
                                                       const char* fds,
                                                       const char* names,
                                                       pid_t self) {
  if (pid == nullptr || fds == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(pid == nullptr ? "LISTEN_PID" : "LISTEN_FDS",
                     " is not set: no service manager has passed sockets to "
                     "this process (sd_listen_fds(3))"));
  }
  pid_t passed_to = 0;
  if (!absl::SimpleAtoi(pid, &passed_to) || passed_to <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("LISTEN_PID is \"", pid, "\", which is not a process id"));
  }
  if (passed_to != self) {
    return absl::FailedPreconditionError(
        absl::StrCat("the service manager has passed its sockets to process ",
                     passed_to, " (LISTEN_PID), and this is process ", self,
                     "; a process between them must exec the server"));
  }
  ListenVariables variables;
  if (!absl::SimpleAtoi(fds, &variables.count) || variables.count < 0 ||
      variables.count > std::numeric_limits<int>::max() - kFirst) {
    return absl::InvalidArgumentError(absl::StrCat(
        "LISTEN_FDS is \"", fds, "\", which is not a number of sockets"));
  }
  if (variables.count == 0) {
    return absl::FailedPreconditionError(
        "LISTEN_FDS is 0: the service manager has passed no socket");
  }
  if (names == nullptr) return variables;
  variables.names = absl::StrSplit(names, ':');
  if (variables.names.size() != static_cast<size_t>(variables.count)) {
    return absl::InvalidArgumentError(
        absl::StrCat("LISTEN_FDNAMES is \"", names, "\", which is not a name ",
                     "for each of ", variables.count, " sockets"));
  }
  return variables;
}

absl::StatusOr<std::vector<InheritedSocket>> TakePassedSockets(
    std::string_view name) {
  PassedSockets& passed = OfThisProgram();
  MutexLock lock(passed.mu);
  if (passed.process != ::getpid()) {
    absl::StatusOr<std::vector<PassedSocket>> read = ReadEnvironment();
    if (!read.ok()) return read.status();
    passed.sockets = *std::move(read);
    passed.process = ::getpid();
  }
  std::vector<PassedSocket*> asked_for;
  bool taken_before = false;
  for (PassedSocket& socket : passed.sockets) {
    if (!name.empty() && socket.name != name) continue;
    taken_before |= socket.taken;
    if (!socket.taken) asked_for.push_back(&socket);
  }
  if (asked_for.empty() && !taken_before) {
    return NoneOfThatName(name, passed.sockets);
  }
  if (asked_for.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the sockets of \"systemd:", std::string(name),
                     "\" are already in use by this process"));
  }
  std::vector<InheritedSocket> taken;
  for (const PassedSocket* socket : asked_for) {
    absl::StatusOr<InheritedSocket> usable =
        TakeInheritedSocket(socket->number);
    if (!usable.ok()) {
      for (InheritedSocket& other : taken) GiveBack(std::move(other));
      return usable.status();
    }
    taken.push_back(*std::move(usable));
  }
  for (PassedSocket* socket : asked_for) socket->taken = true;
  return taken;
}

}  // namespace fdrpc
