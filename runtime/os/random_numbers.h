#ifndef FDRPC_OS_RANDOM_NUMBERS_H_
#define FDRPC_OS_RANDOM_NUMBERS_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace fdrpc {

// Numbers that nobody can predict, from getrandom(2). Asks the kernel for some
// at a time. Not safe for concurrent use.
class RandomNumbers {
 public:
  uint64_t Next() {
    if (left_ == 0) Fill();
    return numbers_[--left_];
  }

 private:
  void Fill();

  std::array<uint64_t, 32> numbers_ = {};
  size_t left_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_RANDOM_NUMBERS_H_
