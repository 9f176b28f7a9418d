#include "services/host/close_shared.h"

#include <fcntl.h>

#include <utility>

#include "fdrpc/unique_fd.h"

namespace fdrpc::host {

void CloseShared(SharedFd file) {
  if (!file.ok()) return;
  // Closed after `file`, so it is this one whose close(2) may block.
  UniqueFd last(fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  file = SharedFd();
  CloseInBackground(std::move(last));
}

}  // namespace fdrpc::host
