#ifndef FDRPC_DESCRIPTOR_SET_H_
#define FDRPC_DESCRIPTOR_SET_H_

#include <cstddef>
#include <iosfwd>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/container/inlined_vector.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/shared_fd.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

namespace internal {
class FieldPath;
}

// A descriptor of a message: one to be sent, owned alone or shared with others,
// or a received one, owned alone.
class FDRPC_API AttachedFd {
 public:
  AttachedFd() = default;
  AttachedFd(UniqueFd fd) : fd_(std::move(fd)) {}  // NOLINT: a value of it
  AttachedFd(SharedFd fd) : fd_(std::move(fd)) {}  // NOLINT: a value of it

  int get() const {
    return std::visit([](const auto& fd) { return fd.get(); }, fd_);
  }
  bool ok() const { return get() >= 0; }
  // Moves the descriptor out if it is owned alone; otherwise empty.
  UniqueFd TakeUnique() {
    auto* fd = std::get_if<UniqueFd>(&fd_);
    if (fd == nullptr) return UniqueFd();
    taken_ |= fd->ok();
    return std::move(*fd);
  }
  // Whether TakeUnique() has moved the descriptor out.
  bool taken() const { return taken_; }

  // Its place in the message, for error messages: "field a.B.c[2]". Known once
  // the message has been prepared to be sent; empty before.
  std::string place() const;

 private:
  friend class internal::FieldPath;

  std::variant<UniqueFd, SharedFd> fd_;
  // The place in words, without the index of an element: all elements of a
  // field share the words. This is a copy, because the code that has the
  // field's name may belong to a plugin that is unloaded before the message is
  // sent.
  std::shared_ptr<const char[]> place_;
  int index_ = -1;
  bool taken_ = false;
};

FDRPC_API void PrintTo(const AttachedFd& fd, std::ostream* to);

// The descriptors of one message, in the order of their slots: slot 1 is the
// first. Two are stored without an allocation.
using DescriptorSet = absl::InlinedVector<AttachedFd, 2>;

}  // namespace fdrpc

#endif  // FDRPC_DESCRIPTOR_SET_H_
