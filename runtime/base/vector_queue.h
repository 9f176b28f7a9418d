#ifndef FDRPC_BASE_VECTOR_QUEUE_H_
#define FDRPC_BASE_VECTOR_QUEUE_H_

#include <cassert>
#include <cstddef>
#include <utility>
#include <vector>

namespace fdrpc {

// A first-in-first-out queue in one piece of memory, which has none until
// something is pushed. Elements that have left stay as moved-from objects until
// the queue is empty or their room is needed.
template <typename T>
class VectorQueue {
 public:
  VectorQueue() = default;
  VectorQueue(const VectorQueue&) = delete;
  VectorQueue& operator=(const VectorQueue&) = delete;

  bool empty() const { return first_ == all_.size(); }
  size_t size() const { return all_.size() - first_; }
  T& operator[](size_t index) { return all_[first_ + index]; }
  const T& operator[](size_t index) const { return all_[first_ + index]; }
  auto begin() const { return all_.begin() + static_cast<ptrdiff_t>(first_); }
  auto end() const { return all_.end(); }

  void push_back(T&& element) {
    // At least as many elements have left as are moved, so a push costs O(1)
    // on average.
    if (all_.size() == all_.capacity() && first_ > all_.size() / 2) {
      all_.erase(all_.begin(), begin());
      first_ = 0;
    }
    all_.push_back(std::move(element));
  }
  T pop_front() {
    assert(!empty());
    T element = std::move(all_[first_++]);
    if (empty()) Clear();
    return element;
  }
  // Removes the element at `index` and returns it; those behind it move up.
  T Take(size_t index) {
    if (index == 0) return pop_front();
    T element = std::move((*this)[index]);
    all_.erase(begin() + static_cast<ptrdiff_t>(index));
    return element;
  }
  // Moves all elements out.
  std::vector<T> TakeAll() {
    all_.erase(all_.begin(), begin());
    first_ = 0;
    return std::exchange(all_, {});
  }

  // Frees the memory of an empty queue that has room for more than `kept`
  // elements.
  void Shrink(size_t kept = 0) {
    assert(empty());
    if (all_.capacity() > kept) std::vector<T>().swap(all_);
  }

 private:
  void Clear() {
    all_.clear();
    first_ = 0;
  }

  std::vector<T> all_;
  size_t first_ = 0;  // those before it have left
};

}  // namespace fdrpc

#endif  // FDRPC_BASE_VECTOR_QUEUE_H_
