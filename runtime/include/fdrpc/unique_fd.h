#ifndef FDRPC_UNIQUE_FD_H_
#define FDRPC_UNIQUE_FD_H_

#include <iosfwd>
#include <utility>

#include "fdrpc/internal/language.h"

namespace fdrpc {

// The only owner of one open file descriptor. Closes it when destroyed. Moves,
// never copies; an empty one (ok() is false) owns nothing.
//
// close(2) is called exactly once per descriptor and its result is not
// reported: after any return, EINTR and EIO included, Linux has released the
// number. Who must learn of late write errors calls fsync(2) first.
//
// Threads: like an int; not safe for concurrent use of one object.
class [[nodiscard]] UniqueFd {
 public:
  UniqueFd() = default;
  // Takes ownership of `fd`, which must be open and owned by nobody else, or
  // negative for "none".
  explicit UniqueFd(int fd) : fd_(fd < 0 ? -1 : fd) {}

  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(); }

  bool ok() const { return fd_ >= 0; }
  // The descriptor's number, borrowed: valid while this object owns it. -1 when
  // empty.
  int get() const { return fd_; }
  // Gives up ownership: the caller closes it from now on.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }
  // Closes what is owned and takes ownership of `fd`.
  void Reset(int fd = -1) {
    int old = std::exchange(fd_, fd < 0 ? -1 : fd);
    if (old >= 0) Close(old);
  }

 private:
  static void Close(int fd);

  int fd_ = -1;
};

// Closes `fd` without keeping the caller waiting: by a thread of the runtime's,
// unless it is of a kind whose close(2) never blocks. For what a peer sent and
// the program has taken: closing that may block for as long as the peer likes
// (a socket with SO_LINGER, a file of a FUSE file system). What is left in a
// parcel is closed so.
void CloseInBackground(UniqueFd fd);

// What GoogleTest prints of it, in a failed expectation for instance. Other
// types of ours have such a function, too.
void PrintTo(const UniqueFd& fd, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_UNIQUE_FD_H_
