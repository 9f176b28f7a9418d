#ifndef FDRPC_INTERNAL_KEPT_MESSAGES_H_
#define FDRPC_INTERNAL_KEPT_MESSAGES_H_

// Large messages that a server reuses.

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "fdrpc/internal/export.h"
#include "fdrpc/internal/language.h"

namespace fdrpc::internal {

// Large messages of one type, cleared after their calls have used them, so that
// later calls reuse their memory: fresh pages cost several times what copying
// into them does, and the heap returns large chunks to the kernel when they are
// freed. A few of each type are kept until they have not been used for some
// time, which a server checks. Together with those that calls have taken, they
// have at most 64 MiB in the process. None is kept under the address sanitizer.
// Never destroyed.
//
// Threads: any.
class FDRPC_API KeptMessages {
 public:
  // A message of this size or more is large, serialised or in memory.
  static constexpr size_t kLeastBytes = 64u << 10;

  // Base class of a message that can be kept.
  class Entry {
   public:
    virtual ~Entry();

   private:
    friend class KeptMessages;
    size_t bytes_ = 0;     // the size that it is counted with
    int small_uses_ = 0;   // in a row
    bool unused_ = false;  // since DropUnused()
  };

  constexpr KeptMessages() = default;

  bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }
  // Null if there is none.
  std::unique_ptr<Entry> Take();
  // Keeps one that has been cleared and has `bytes` bytes of memory, or frees
  // it: if there are too many already, if it is not large, or if its last uses
  // were not.
  void Keep(std::unique_ptr<Entry> entry, size_t bytes, bool large_use);

  // Whether anything is kept in the process. Sequentially consistent with
  // Keep().
  static bool Any();
  // Frees the messages that were not used since the last call.
  static void DropUnused();

 private:
  static constexpr size_t kMostOfType = 8;

  // Puts it in a free place, or frees it if there is none.
  void Put(std::unique_ptr<Entry> entry);
  // Takes it out of a place; null if that is empty.
  std::unique_ptr<Entry> Remove(std::atomic<Entry*>& place);
  void Count(int more);
  void Enlist();

  // The thread that takes a pointer out of its place owns it.
  std::array<std::atomic<Entry*>, kMostOfType> places_ = {};
  std::atomic<int> count_{0};
  std::atomic<int> freed_{0};  // large ones, before the first was kept
  // In the list of all, which only grows.
  std::atomic<bool> listed_{false};
  KeptMessages* next_ = nullptr;
};

// A message that reports how much memory it has, unlike those of the lite
// runtime.
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
    // So that no call sees another call's data.
    entry->message.Clear();
    const size_t bytes = entry->message.SpaceUsedLong();
    kept_.Keep(std::move(entry), bytes, large_use);
  }

 private:
  static inline constinit KeptMessages kept_;
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_KEPT_MESSAGES_H_
