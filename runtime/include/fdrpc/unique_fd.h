#ifndef FDRPC_UNIQUE_FD_H_
#define FDRPC_UNIQUE_FD_H_

#include <iosfwd>
#include <utility>

#include "fdrpc/internal/export.h"
#include "fdrpc/internal/language.h"

namespace fdrpc {

// The only owner of one open file descriptor, which its destructor closes.
// Movable, not copyable; an empty one (ok() is false) owns nothing.
//
// close(2) is called exactly once for each descriptor, and its result is not
// reported: after any return, including EINTR and EIO, Linux has released the
// number. Call fsync(2) first to learn of late write errors.
//
// A thread of the runtime that handles frames, which others wait for, closes
// nothing itself, because close(2) of what a peer sent could block. Each
// UniqueFd that is destroyed or reset there leaves that to another thread, as
// with CloseInBackground(), and its number stays in use until then. Handlers
// and callbacks of the program are not called there.
//
// Threads: like an int; not safe for concurrent use.
class [[nodiscard]] FDRPC_API UniqueFd {
 public:
  UniqueFd() = default;
  // Takes ownership of `fd`, which must be open and have no other owner, or be
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
  // The descriptor's number, borrowed: valid while this object owns it. -1 if
  // empty.
  int get() const { return fd_; }
  // Gives up ownership: the caller must close it.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }
  // Closes the owned descriptor, and takes ownership of `fd`.
  void Reset(int fd = -1) {
    int old = std::exchange(fd_, fd < 0 ? -1 : fd);
    if (old >= 0) Close(old);
  }

 private:
  static void Close(int fd);

  int fd_ = -1;
};

// Closes `fd` without blocking the caller: on a thread of the runtime, unless
// it is of a kind whose close(2) never blocks. For descriptors that a peer sent
// and the program has taken: closing them may block for as long as the peer
// likes (a socket with SO_LINGER, a file of a FUSE file system). Descriptors
// that are left in a parcel are closed in this way.
FDRPC_API void CloseInBackground(UniqueFd fd);

// What GoogleTest prints of it, for example in a failed expectation. Other
// types of fdrpc have such a function, too.
FDRPC_API void PrintTo(const UniqueFd& fd, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_UNIQUE_FD_H_
