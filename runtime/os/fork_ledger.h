#ifndef FDRPC_OS_FORK_LEDGER_H_
#define FDRPC_OS_FORK_LEDGER_H_

#include <cstdint>
#include <utility>

namespace fdrpc {

// Which descriptors of this process belong to whom, for a child made by fork(2)
// to close its copies by. It cannot find them where they are kept: other
// threads of the parent may have been changing that, and it has none of them to
// wait for. An entry is a word that is written at once.
//
// Threads: any.
class ForkLedger {
 public:
  // Never 0.
  static uint32_t NewOwner();
  // Before the descriptor can be closed, and until just before it is. One
  // whose number is beyond a million is not entered, and stays open.
  static void Add(int fd, uint32_t owner);
  static void Remove(int fd);
  // Closes what `owner` has entered and not removed. In a child, once.
  static void CloseAllOf(uint32_t owner);

  // Enters a descriptor for as long as it lives: goes before the descriptor.
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
