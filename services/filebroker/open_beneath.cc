#include "services/filebroker/open_beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace fdrpc::filebroker {
namespace {

// openat2(2) fails with EAGAIN if something is renamed, anywhere in the system,
// while it follows a "..". The next attempt usually succeeds.
constexpr int kMostAttempts = 100;

}  // namespace

int OpenBeneath(int root, const char* path, uint64_t flags,
                mode_t permissions) {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  // Must be 0 if nothing can be created.
  how.mode = (flags & O_CREAT) != 0 ? permissions : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  int fd = -1;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    do {
      // glibc 2.36 has no function for it.
      fd =
          static_cast<int>(syscall(SYS_openat2, root, path, &how, sizeof(how)));
    } while (fd < 0 && errno == EINTR);
    if (fd >= 0 || errno != EAGAIN) break;
  }
  return fd;
}

}  // namespace fdrpc::filebroker
