#include "fdrpc/unique_fd.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "os/deferred_close.h"

namespace fdrpc {
namespace {

constinit thread_local DeferredClose* deferring = nullptr;

}  // namespace

void UniqueFd::Close(int fd) {
  if (deferring != nullptr) {
    deferring->fds_.push_back(fd);
    return;
  }
  // Callers look at errno after an owner has gone out of scope.
  const int saved = errno;
  ::close(fd);
  errno = saved;
}

DeferredClose::DeferredClose() {
  FDRPC_CHECK(deferring == nullptr, "closing is deferred already");
  deferring = this;
}

DeferredClose::~DeferredClose() { Take(); }

std::vector<UniqueFd> DeferredClose::Take() {
  if (deferring == this) deferring = nullptr;
  std::vector<UniqueFd> taken;
  taken.reserve(fds_.size());
  for (int fd : std::exchange(fds_, {})) taken.emplace_back(fd);
  return taken;
}

}  // namespace fdrpc
