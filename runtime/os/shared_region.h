#ifndef FDRPC_OS_SHARED_REGION_H_
#define FDRPC_OS_SHARED_REGION_H_

#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"
#include "os/fork_generation.h"

namespace fdrpc {

// Memory that two processes share: a mapping of a memory file. One makes it,
// the other joins. Both may write to all of it at any moment, so neither may
// rely on anything that it reads there, its own stores included. But neither
// can take pages away, so nobody gets SIGBUS, and no third process can write:
// who joins forbids both with seals (F_SEAL_FUTURE_WRITE, of Linux 5.1), and
// the maker checks that. The pages are those of who joins: it allocates them,
// so the kernel counts them for its control group (cgroups(7)).
//
// Children made by fork(2) do not inherit the mapping (MADV_DONTFORK): a
// child's copy of this object must not be used, and its destructor does
// nothing.
class SharedRegion {
 public:
  // Makes a region of that many bytes, which are zero, and of which no page is
  // allocated: before CheckJoined() says that somebody has joined, nothing is
  // to be read or written. `file` is for the other process, and for
  // CheckJoined(). Errors by their errno if the kernel refuses:
  // PERMISSION_DENIED, UNIMPLEMENTED, RESOURCE_EXHAUSTED, and so on. This
  // includes what CheckJoined() needs.
  struct Made;
  static absl::StatusOr<Made> Make(size_t bytes);

  // Joins the region of another process. `file` may be anything, and is closed,
  // at once if it passed the check. INVALID_ARGUMENT, with the reason, if it is
  // not a region of exactly that many bytes, or loses pages meanwhile, or
  // somebody has joined it already. Other errors are this side's: there is no
  // memory for the pages, or a seccomp(2) filter forbids a call. Does not
  // block.
  static absl::StatusOr<SharedRegion> Join(UniqueFd file, size_t bytes);

  // For the maker, before it uses the memory: whether somebody has joined, so
  // that all pages exist. Borrows the file. INVALID_ARGUMENT, with the reason,
  // if not; CannotExamine() if a system call fails.
  static absl::Status CheckJoined(int file, size_t bytes);

  SharedRegion() = default;
  SharedRegion(SharedRegion&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        fork_mark_(other.fork_mark_) {}
  SharedRegion& operator=(SharedRegion&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(fork_mark_, other.fork_mark_);
    return *this;
  }
  ~SharedRegion();

  bool empty() const { return data_ == nullptr; }
  char* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  SharedRegion(char* data, size_t bytes) : data_(data), bytes_(bytes) {}
  // Maps the file, out of reach of children.
  static absl::StatusOr<SharedRegion> MapFile(int file, size_t bytes);

  char* data_ = nullptr;
  size_t bytes_ = 0;
  ForkMark fork_mark_;
};

struct SharedRegion::Made {
  SharedRegion region;
  UniqueFd file;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_SHARED_REGION_H_
