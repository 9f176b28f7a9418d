#include "os/random_numbers.h"

#include <unistd.h>

#include "base/check.h"

namespace fdrpc {

void RandomNumbers::Fill() {
  // At most 256 bytes at a time, and never interrupted (getentropy(3)). It
  // fails only on a kernel without getrandom(2), before Linux 3.17.
  static_assert(sizeof(numbers_) <= 256);
  FDRPC_CHECK(::getentropy(numbers_.data(), sizeof(numbers_)) == 0,
              "the kernel has getrandom(2)");
  left_ = numbers_.size();
}

}  // namespace fdrpc
