#include "tests/support/files.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace fdrpc::testing {

UniqueFd FileWith(const std::string& content) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  EXPECT_TRUE(fd.ok());
  EXPECT_EQ(write(fd.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_SET), 0);
  return fd;
}

std::vector<UniqueFd> FilesWithNumbers(int count) {
  std::vector<UniqueFd> files;
  for (int i = 0; i < count; ++i) files.push_back(FileWith(std::to_string(i)));
  return files;
}

std::string ReadRest(int fd) {
  std::string content;
  char buffer[4096];
  ssize_t got;
  while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
    content.append(buffer, got);
  }
  EXPECT_EQ(got, 0) << "read failed";
  return content;
}

bool SameDescription(int a, int b) {
  const pid_t self = getpid();
  return syscall(SYS_kcmp, self, self, KCMP_FILE, a, b) == 0;
}

bool HasCloseOnExec(int fd) { return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }

std::pair<UniqueFd, UniqueFd> SocketPair(int type) {
  int fds[2] = {-1, -1};
  EXPECT_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
            0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::pair<UniqueFd, UniqueFd> Pipe() {
  int fds[2] = {-1, -1};
  EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace fdrpc::testing
