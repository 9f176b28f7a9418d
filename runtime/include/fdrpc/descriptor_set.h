#ifndef FDRPC_DESCRIPTOR_SET_H_
#define FDRPC_DESCRIPTOR_SET_H_

#include <cstddef>
#include <utility>
#include <variant>

#include "absl/container/inlined_vector.h"
#include "fdrpc/shared_fd.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// A descriptor that is to be sent: owned alone, or shared with others.
class OutgoingFd {
 public:
  OutgoingFd() = default;
  OutgoingFd(UniqueFd fd) : fd_(std::move(fd)) {}  // NOLINT: a value of it
  OutgoingFd(SharedFd fd) : fd_(std::move(fd)) {}  // NOLINT: a value of it

  int get() const {
    return std::visit([](const auto& fd) { return fd.get(); }, fd_);
  }
  bool ok() const { return get() >= 0; }
  // Moves the descriptor out if it is owned alone; empty otherwise.
  UniqueFd TakeUnique() {
    if (auto* fd = std::get_if<UniqueFd>(&fd_)) return std::move(*fd);
    return UniqueFd();
  }

 private:
  std::variant<UniqueFd, SharedFd> fd_;
};

// The descriptors of one message, in the order of their slots: slot 1 names the
// first. Two are held without an allocation.
using DescriptorSet = absl::InlinedVector<OutgoingFd, 2>;

}  // namespace fdrpc

#endif  // FDRPC_DESCRIPTOR_SET_H_
