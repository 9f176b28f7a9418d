#ifndef FDRPC_INTERNAL_KEPT_MESSAGES_H_
#define FDRPC_INTERNAL_KEPT_MESSAGES_H_

// Large messages that a server uses again.

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "fdrpc/internal/language.h"

namespace fdrpc::internal {

// Large messages of one type that calls are done with, cleared, so that the
// next ones find their memory: fresh pages cost several times what copying into
// them does, and the heap gives large chunks back to the kernel when they are
// freed. A few of a type are kept until they have not been used for some time,
// which a server sees to. They and those that calls have taken have at most 64
// MiB in the process. Under the address sanitizer none is kept. Never
// destroyed.
//
// Threads: any.
class KeptMessages {
 public:
  // A message is large from here on, serialised or in memory.
  static constexpr size_t kLeastBytes = 64u << 10;

  // A message that can be kept; derived classes have it.
  class Entry {
   public:
    virtual ~Entry();

   private:
    friend class KeptMessages;
    size_t bytes_ = 0;     // that it is counted with
    int small_uses_ = 0;   // one behind the other
    bool unused_ = false;  // since DropUnused()
  };

  constexpr KeptMessages() = default;

  bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }
  // Null if there is none.
  std::unique_ptr<Entry> Take();
  // Takes over one that has been cleared, with as many bytes of memory, or
  // frees it: if there is too much already, if it isn't large, or if it was
  // not in its last uses.
  void Keep(std::unique_ptr<Entry> entry, size_t bytes, bool large_use);

  // Whether anything is kept in the process. Sequentially consistent with what
  // keeps it.
  static bool Any();
  // Frees what has not been used since it was called before.
  static void DropUnused();

 private:
  static constexpr size_t kMostOfType = 8;

  // Puts it in a free place, or frees it if there is none.
  void Put(std::unique_ptr<Entry> entry);
  // Takes it out of a place; null if that is empty.
  std::unique_ptr<Entry> Remove(std::atomic<Entry*>& place);
  void Count(int more);
  void Enlist();

  // Who has taken a pointer out of its place owns it.
  std::array<std::atomic<Entry*>, kMostOfType> places_ = {};
  std::atomic<int> count_{0};
  std::atomic<int> freed_{0};  // large ones, before the first was kept
  // In the list of all, which grows only.
  std::atomic<bool> listed_{false};
  KeptMessages* next_ = nullptr;
};

// A message that says how much memory it has, as those of the lite runtime do
// not.
template <typename Message>
concept KeepableMessage = requires(Message& message) {
  Message();
  message.SpaceUsedLong();
  message.Swap(&message);
};

template <KeepableMessage Message>
class KeptMessage final : public KeptMessages::Entry {
 public:
  Message message;

  // Null if none is kept.
  static std::unique_ptr<KeptMessage> Take() {
    if (kept_.empty()) return nullptr;
    return std::unique_ptr<KeptMessage>(
        static_cast<KeptMessage*>(kept_.Take().release()));
  }
  // `large_use`: whether it was large this time.
  static void Keep(std::unique_ptr<KeptMessage> entry, bool large_use) {
    // So that no call sees anything of another's.
    entry->message.Clear();
    const size_t bytes = entry->message.SpaceUsedLong();
    kept_.Keep(std::move(entry), bytes, large_use);
  }

 private:
  static inline constinit KeptMessages kept_;
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_KEPT_MESSAGES_H_
