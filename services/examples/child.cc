// A parent and its child over a pair of sockets: the child, which could be
// confined to that one descriptor, counts the lines of files that the parent
// opens.
//
//   fdrpc-example-child FILE...
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "child.fdrpc.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"

extern char** environ;

namespace {

using namespace examples::child;  // NOLINT: the messages of this example

// The number of the child's socket.
constexpr int kSocket = 3;

class Files final : public Parent::Service {
 public:
  explicit Files(std::vector<std::string> names) : names_(std::move(names)) {}

  absl::Status NextFile(fdrpc::ServerContext&, const NextFileRequest&,
                        fdrpc::Parcel<NextFileReply>& reply) override {
    if (next_ == names_.size()) return absl::OkStatus();
    const std::string& name = names_[next_++];
    fdrpc::UniqueFd file(open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.ok()) return absl::ErrnoToStatus(errno, name);
    reply->set_name(name);
    reply.set_file(std::move(file));
    return absl::OkStatus();
  }
  absl::Status Report(fdrpc::ServerContext&, const Count& count,
                      ReportReply&) override {
    std::cout << count.lines() << " " << count.name() << std::endl;
    return absl::OkStatus();
  }

 private:
  // The child makes one call at a time.
  const std::vector<std::string> names_;
  size_t next_ = 0;
};

// What a copy of this program does that was started with the socket.
int RunChild() {
  const auto channel = fdrpc::Channel::Connect("fd:" + std::to_string(kSocket));
  if (!channel.ok()) {
    std::cerr << channel.status() << "\n";
    return 1;
  }
  Parent::Stub parent(*channel);
  while (true) {
    auto next = parent.NextFile(NextFileRequest());
    if (!next.ok()) {
      std::cerr << next.status() << "\n";
      return 1;
    }
    if (!next->has_file()) return 0;
    Count count;
    count.set_name((*next)->name());
    char buffer[65536];
    uint64_t lines = 0;
    for (ssize_t n; (n = read(next->file(), buffer, sizeof(buffer))) > 0;) {
      lines += static_cast<uint64_t>(std::count(buffer, buffer + n, '\n'));
    }
    count.set_lines(lines);
    if (const auto told = parent.Report(count); !told.ok()) {
      std::cerr << told.status() << "\n";
      return 1;
    }
  }
}

// Starts it; -1 if that fails.
pid_t StartChild(fdrpc::UniqueFd socket) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // The copy stays open in the program that is started.
  posix_spawn_file_actions_adddup2(&actions, socket.get(), kSocket);
  std::string program = "/proc/self/exe";
  std::string role = "--child";
  char* words[] = {program.data(), role.data(), nullptr};
  pid_t child = -1;
  const int error =
      posix_spawn(&child, program.c_str(), &actions, nullptr, words, environ);
  posix_spawn_file_actions_destroy(&actions);
  errno = error;
  return error == 0 ? child : -1;
}

int RunParent(std::vector<std::string> names) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
    std::cerr << absl::ErrnoToStatus(errno, "socketpair") << "\n";
    return 1;
  }
  fdrpc::UniqueFd ours(pair[0]);
  fdrpc::UniqueFd theirs(pair[1]);
  Files files(std::move(names));
  fdrpc::Server server;
  server.AddService(files);
  if (absl::Status status = server.ServeConnection(std::move(ours));
      !status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  const pid_t child = StartChild(std::move(theirs));
  if (child < 0) {
    std::cerr << absl::ErrnoToStatus(errno, "the child does not start") << "\n";
    return 1;
  }
  // A server that has only such connections ends with the last one: when the
  // child ends, whatever the reason.
  server.Run();
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--child") return RunChild();
  if (argc > 1) return RunParent({argv + 1, argv + argc});
  std::cerr << "usage: fdrpc-example-child FILE...\n";
  return 2;
}
