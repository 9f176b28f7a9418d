#include "services/tool/received_descriptors.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fdrpc/unique_fd.h"
#include "services/program/copy.h"

namespace fdrpc::tool {
namespace {

using google::protobuf::Message;

constexpr int kFirstOfCommand = 3;

}  // namespace

ReceivedDescriptors::ReceivedDescriptors(const std::vector<std::string>& saves,
                                         std::string command)
    : command_(std::move(command)) {
  for (const std::string& save : saves) {
    const size_t equals = save.find('=');
    if (equals == std::string::npos) {
      saves_.push_back({"", save});
    } else {
      saves_.push_back({save.substr(0, equals), save.substr(equals + 1)});
    }
  }
}

bool ReceivedDescriptors::occupies_output() const {
  return std::any_of(saves_.begin(), saves_.end(),
                     [](const Save& save) { return save.file == "-"; });
}

absl::StatusOr<int> ReceivedDescriptors::Use(DynamicParcel& reply) const {
  if (saves_.empty() && command_.empty()) return 0;
  std::vector<std::pair<std::string, int>> fields;  // borrowed from the parcel
  reply.ForEachField([&](Message& field, const std::string& place) {
    fields.emplace_back(place, reply.Borrow(field));
  });
  for (const Save& save : saves_) {
    const auto found =
        std::find_if(fields.begin(), fields.end(), [&](const auto& field) {
          return save.field.empty() || field.first == save.field;
        });
    if (found == fields.end()) {
      std::string what = absl::StrCat(
          "--save: the reply has no descriptor",
          save.field.empty() ? "" : absl::StrCat(" in field ", save.field));
      for (const auto& [place, fd] : fields) {
        absl::StrAppend(&what, &place == &fields[0].first ? "; it has: " : " ",
                        place);
      }
      return absl::NotFoundError(what);
    }
    absl::Status saved = SaveTo(found->second, save.file);
    if (!saved.ok()) return saved;
  }
  if (command_.empty()) return 0;
  std::vector<int> fds;
  std::string names;
  for (const auto& [place, fd] : fields) {
    fds.push_back(fd);
    absl::StrAppend(&names, names.empty() ? "" : " ", place);
  }
  return Run(fds, names);
}

absl::Status ReceivedDescriptors::SaveTo(int fd, const std::string& file) {
  if (file == "-") return program::Copy(fd, STDOUT_FILENO);
  UniqueFd to(
      open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!to.ok()) {
    return absl::ErrnoToStatus(errno, absl::StrCat("--save: ", file));
  }
  absl::Status copied = program::Copy(fd, to.get());
  // A network file system may report only now that written data is lost.
  if (close(to.Release()) < 0 && errno != EINTR && copied.ok()) {
    copied = absl::ErrnoToStatus(errno, "closing");
  }
  if (copied.ok()) return copied;
  return absl::Status(copied.code(),
                      absl::StrCat("--save: ", file, ": ", copied.message()));
}

absl::StatusOr<int> ReceivedDescriptors::Run(const std::vector<int>& fds,
                                             const std::string& fields) const {
  // Out of the way of the numbers that the command gets.
  std::vector<UniqueFd> moved;
  const int free = kFirstOfCommand + static_cast<int>(fds.size());
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  absl::Status status;
  for (const int fd : fds) {
    moved.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, free));
    if (!moved.back().ok()) status = absl::ErrnoToStatus(errno, "--exec");
    posix_spawn_file_actions_adddup2(
        &actions, moved.back().get(),
        kFirstOfCommand + static_cast<int>(moved.size()) - 1);
  }
  setenv("FDRPC_FIELDS", fields.c_str(), 1);
  char shell[] = "/bin/sh";
  char option[] = "-c";
  std::string command = command_;
  char* const words[] = {shell, option, command.data(), nullptr};
  pid_t child = -1;
  if (status.ok()) {
    const int error =
        posix_spawn(&child, shell, &actions, nullptr, words, environ);
    if (error != 0) status = absl::ErrnoToStatus(error, "--exec: /bin/sh");
  }
  posix_spawn_file_actions_destroy(&actions);
  if (!status.ok()) return status;
  int ended = 0;
  while (waitpid(child, &ended, 0) < 0) {
    if (errno != EINTR) return absl::ErrnoToStatus(errno, "--exec: waitpid");
  }
  return WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
}

}  // namespace fdrpc::tool
