#ifndef FDRPC_CALL_CONTINUATION_QUEUE_H_
#define FDRPC_CALL_CONTINUATION_QUEUE_H_

#include <cassert>

#include "fdrpc/call.h"

namespace fdrpc {

// Continuations that are to run, in order. Borrows them, and does not run them.
// Adding and removing allocate nothing. A continuation is in at most one queue.
class ContinuationQueue {
 public:
  bool empty() const { return first_ == nullptr; }

  // Not for one that is in a queue.
  void PushBack(Continuation& continuation) {
    assert(continuation.previous_ == nullptr && continuation.next_ == nullptr &&
           first_ != &continuation);
    continuation.previous_ = last_;
    continuation.next_ = nullptr;
    (last_ == nullptr ? first_ : last_->next_) = &continuation;
    last_ = &continuation;
  }

  // Null if there is none.
  Continuation* PopFront() {
    Continuation* front = first_;
    if (front != nullptr) Unlink(*front);
    return front;
  }

  // False if it is in no queue. Not for one that is in another queue.
  bool Remove(Continuation& continuation) {
    if (first_ != &continuation && continuation.previous_ == nullptr) {
      return false;
    }
    Unlink(continuation);
    return true;
  }

 private:
  void Unlink(Continuation& continuation) {
    Continuation* const previous = continuation.previous_;
    Continuation* const next = continuation.next_;
    (previous == nullptr ? first_ : previous->next_) = next;
    (next == nullptr ? last_ : next->previous_) = previous;
    continuation.previous_ = continuation.next_ = nullptr;
  }

  Continuation* first_ = nullptr;
  Continuation* last_ = nullptr;
};

}  // namespace fdrpc

#endif  // FDRPC_CALL_CONTINUATION_QUEUE_H_
