#ifndef FDRPC_SHARED_FD_H_
#define FDRPC_SHARED_FD_H_

#include <iosfwd>
#include <memory>
#include <utility>

#include "fdrpc/internal/export.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// One open descriptor with several owners, to send it to many receivers without
// a dup(2) for each: the kernel duplicates it on the way through the socket.
// The last copy closes the descriptor.
//
// Threads: copies may be used and destroyed on different threads.
class SharedFd {
 public:
  SharedFd() = default;
  // Takes ownership of the descriptor of `fd`.
  explicit SharedFd(UniqueFd fd)
      : fd_(std::make_shared<const UniqueFd>(std::move(fd))) {}

  bool ok() const { return fd_ != nullptr && fd_->ok(); }
  // Borrowed: valid while any copy exists. -1 if empty.
  int get() const { return fd_ == nullptr ? -1 : fd_->get(); }

 private:
  std::shared_ptr<const UniqueFd> fd_;
};

FDRPC_API void PrintTo(const SharedFd& fd, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_SHARED_FD_H_
