#ifndef FDRPC_OS_OWN_FD_H_
#define FDRPC_OS_OWN_FD_H_

#include <utility>

#include "fdrpc/unique_fd.h"
#include "os/background_close.h"

namespace fdrpc {

// A descriptor that the runtime made for itself, of a kind whose close(2) waits
// for nobody, such as an eventfd(2). It is closed when this is destroyed, also
// where what peers sent is collected (BackgroundCloses): so its number is free
// when its owner has gone. A closer would free it later, when the program may
// have put something else there with dup2(2).
class OwnFd {
 public:
  explicit OwnFd(UniqueFd fd) : fd_(std::move(fd)) {}
  OwnFd(OwnFd&&) = default;
  OwnFd& operator=(OwnFd&& other) noexcept {
    std::swap(fd_, other.fd_);  // the other one closes what this had
    return *this;
  }
  ~OwnFd() { CloseAtOnce(std::move(fd_)); }

  int get() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_OWN_FD_H_
