// A service for tests of fdrpc-host: the test service on the sockets that were
// passed. If the file that is its first argument exists, it fails before it is
// ready; if the second one does, it never gets ready.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "fdrpc/server.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

// sd_pid_notify_with_fds(3), with one descriptor or none.
void Notify(const std::string& text, int fd = -1) {
  const std::string name = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name.front() == '@') address.sun_path[0] = '\0';
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  iovec buffer = {.iov_base = const_cast<char*>(text.data()),
                  .iov_len = text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_name = &address;
  message.msg_namelen =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  message.msg_iov = &buffer;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(fd));
    std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  }
  if (sendmsg(socket.get(), &message, 0) < 0) std::abort();
}

// Stores an open file with that content.
void Store(const std::string& content) {
  const UniqueFd file(memfd_create("stored", MFD_CLOEXEC));
  (void)!write(file.get(), content.data(), content.size());
  Notify("FDSTORE=1\nFDNAME=content", file.get());
}

// The content of the last descriptor that was passed.
std::string Stored() {
  const int last = 2 + std::atoi(std::getenv("LISTEN_FDS"));
  char bytes[256];
  const ssize_t count = pread(last, bytes, sizeof(bytes), 0);
  return count < 0 ? "" : std::string(bytes, static_cast<size_t>(count));
}

std::string Answer(const std::string& text) {
  if (text == "names") return std::getenv("LISTEN_FDNAMES");
  if (text == "listen pid") return std::getenv("LISTEN_PID");
  if (text == "watchdog") {
    return absl::StrCat(std::getenv("WATCHDOG_USEC"), " ",
                        std::getenv("WATCHDOG_PID"));
  }
  if (text == "stored") return Stored();
  if (absl::StartsWith(text, "store ")) Store(text.substr(6));
  if (absl::StartsWith(text, "status ")) Notify("STATUS=" + text.substr(7));
  if (std::string said; absl::StartsWith(text, "notify ") &&
                        absl::CUnescape(text.substr(7), &said)) {
    Notify(said);
  }
  if (absl::StartsWith(text, "print ")) {
    std::cout << text.substr(6) << std::endl;
  }
  if (absl::StartsWith(text, "exit ")) _exit(std::atoi(text.c_str() + 5));
  return text;
}

int Main(char** argv) {
  if (access(argv[1], F_OK) == 0) {
    std::cerr << "it fails" << std::endl;
    return 3;
  }
  if (access(argv[2], F_OK) == 0) {
    std::cerr << "it hangs" << std::endl;
    while (true) pause();
  }
  FakeService service;
  service.echo = [](ServerContext&, const Text& request, Text& reply) {
    reply = TextOf(Answer(request.text()), getpid());
    return absl::OkStatus();
  };
  Server server({.notify_service_manager = true});
  server.AddService(service);
  for (const absl::string_view name :
       absl::StrSplit(std::getenv("LISTEN_FDNAMES"), ':')) {
    if (name == "content") continue;  // what it has stored
    const absl::Status status = server.Listen(absl::StrCat("systemd:", name));
    if (!status.ok()) {
      std::cerr << status << std::endl;
      return 1;
    }
  }
  server.Run();
  return 0;
}

}  // namespace
}  // namespace fdrpc::testing

int main(int, char** argv) { return fdrpc::testing::Main(argv); }
