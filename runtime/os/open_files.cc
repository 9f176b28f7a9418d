#include "os/open_files.h"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

#include "os/syscalls.h"

namespace fdrpc {
namespace {

// The limit of a process for which none was set (INR_OPEN_CUR in the kernel).
constexpr rlim_t kUsual = 1024;

rlimit Limit() {
  rlimit limit = {.rlim_cur = kUsual, .rlim_max = kUsual};
  // Only a filter of system calls can make it fail.
  (void)Syscalls::Get().get_open_files_limit(&limit);
  return limit;
}

}  // namespace

size_t OpenFilesLimit() {
  // Descriptor numbers are ints, even if the limit is larger.
  constexpr rlim_t kMost = std::numeric_limits<int>::max();
  return std::min(Limit().rlim_cur, kMost);
}

void RaiseOpenFilesLimit() {
  rlimit limit = Limit();
  if (limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)Syscalls::Get().set_open_files_limit(&limit);
}

}  // namespace fdrpc
