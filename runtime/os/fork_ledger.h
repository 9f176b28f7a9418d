#ifndef FDRPC_OS_FORK_LEDGER_H_
#define FDRPC_OS_FORK_LEDGER_H_

#include <cstdint>
#include <utility>

namespace fdrpc {

// Records which owner each descriptor of this process belongs to, so that a
// child made by fork(2) can close its copies. The child cannot use the owner's
// own data structures: another thread of the parent may have been changing them
// at the fork, and that thread does not exist in the child. An entry is one
// word, written atomically. Closes descriptors only in CloseAllOf().
//
// Threads: any.
class ForkLedger {
 public:
  // Never 0.
  static uint32_t NewOwner();
  // Call Add() while the descriptor is open, and Remove() just before it is
  // closed. A descriptor above a million is not recorded, and stays open in the
  // child.
  static void Add(int fd, uint32_t owner);
  static void Remove(int fd);
  // Closes what `owner` has added and not removed. For a child, once.
  static void CloseAllOf(uint32_t owner);

  // Keeps a descriptor recorded during its lifetime. Must be destroyed before
  // the descriptor.
  class Entry {
   public:
    Entry() = default;
    Entry(int fd, uint32_t owner) : fd_(fd) { Add(fd, owner); }
    Entry(Entry&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Entry& operator=(Entry&& other) noexcept {
      std::swap(fd_, other.fd_);
      return *this;
    }
    ~Entry() { Remove(fd_); }

   private:
    int fd_ = -1;
  };
};

}  // namespace fdrpc

#endif  // FDRPC_OS_FORK_LEDGER_H_
