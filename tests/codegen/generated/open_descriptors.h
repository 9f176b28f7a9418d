#ifndef FDRPC_TESTS_CODEGEN_GENERATED_OPEN_DESCRIPTORS_H_
#define FDRPC_TESTS_CODEGEN_GENERATED_OPEN_DESCRIPTORS_H_

#include <fcntl.h>
#include <sys/resource.h>

#include <vector>

#include "fdrpc/unique_fd.h"

namespace fdrpc {

// The descriptors that this process has open.
inline std::vector<int> OpenDescriptors() {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  const int end =
      limit.rlim_cur < 4096 ? static_cast<int>(limit.rlim_cur) : 4096;
  std::vector<int> open;
  for (int fd = 0; fd < end; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) open.push_back(fd);
  }
  return open;
}

inline UniqueFd OpenFile() {
  return UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace fdrpc

#endif  // FDRPC_TESTS_CODEGEN_GENERATED_OPEN_DESCRIPTORS_H_
