#ifndef FDRPC_BASE_PAYLOAD_BUFFER_H_
#define FDRPC_BASE_PAYLOAD_BUFFER_H_

#include <cstddef>
#include <utility>

namespace fdrpc {

// Owns the memory for the bytes of a large message; its content is not
// initialised. The maker decides where the memory comes from and how it is
// freed.
class PayloadBuffer {
 public:
  using Release = void (*)(char* data, size_t capacity);

  PayloadBuffer() = default;
  // Takes ownership of `capacity` bytes at `data`, which `release` frees.
  PayloadBuffer(char* data, size_t capacity, Release release)
      : data_(data), capacity_(capacity), release_(release) {}
  // A buffer on the heap. It does not begin where its memory does: so what it
  // is copied from or to, if it is the neighbour on the heap and their size is
  // a number of pages, is not a little behind it within a page. Such copies are
  // slow (call/contiguous_message.h).
  static PayloadBuffer Allocate(size_t capacity) {
    return PayloadBuffer(new char[kUnused + capacity] + kUnused, capacity,
                         [](char* data, size_t) { delete[](data - kUnused); });
  }

  PayloadBuffer(PayloadBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        release_(other.release_) {}
  PayloadBuffer& operator=(PayloadBuffer&& other) noexcept {
    PayloadBuffer taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(capacity_, taken.capacity_);
    std::swap(release_, taken.release_);
    return *this;
  }
  ~PayloadBuffer() { Reset(); }

  void Reset() {
    if (data_ != nullptr) release_(data_, capacity_);
    data_ = nullptr;
    capacity_ = 0;
  }

  bool empty() const { return data_ == nullptr; }
  char* data() const { return data_; }
  size_t capacity() const { return capacity_; }

 private:
  static constexpr size_t kUnused = 1024;

  char* data_ = nullptr;
  size_t capacity_ = 0;
  Release release_ = nullptr;
};

}  // namespace fdrpc

#endif  // FDRPC_BASE_PAYLOAD_BUFFER_H_
