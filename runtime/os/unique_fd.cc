#include "fdrpc/unique_fd.h"

#include <unistd.h>

#include <cerrno>

namespace fdrpc {

void UniqueFd::Close(int fd) {
  // Callers look at errno after an owner has gone out of scope.
  const int saved = errno;
  ::close(fd);
  errno = saved;
}

}  // namespace fdrpc
