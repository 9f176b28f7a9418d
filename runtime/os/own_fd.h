#ifndef FDRPC_OS_OWN_FD_H_
#define FDRPC_OS_OWN_FD_H_

#include <utility>

#include "fdrpc/unique_fd.h"
#include "os/background_close.h"

namespace fdrpc {

// Owns a descriptor that the runtime made for itself, of a kind whose close(2)
// never blocks, such as an eventfd(2). Its destructor closes it at once, even
// within a BackgroundCloseScope, so its number is free as soon as the owner is
// gone. A closer would close the number later, when the program may have put
// another file there with dup2(2).
class OwnFd {
 public:
  explicit OwnFd(UniqueFd fd) : fd_(std::move(fd)) {}
  OwnFd(OwnFd&&) = default;
  OwnFd& operator=(OwnFd&& other) noexcept {
    std::swap(fd_, other.fd_);  // `other` closes what this had
    return *this;
  }
  ~OwnFd() { CloseAtOnce(std::move(fd_)); }

  int get() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_OWN_FD_H_
