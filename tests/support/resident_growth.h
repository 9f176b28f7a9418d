#ifndef FDRPC_TESTS_SUPPORT_RESIDENT_GROWTH_H_
#define FDRPC_TESTS_SUPPORT_RESIDENT_GROWTH_H_

#include <sys/types.h>

#include <cstdint>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace fdrpc::testing {

// How much the resident memory of a process has grown at most since this was
// made.
class ResidentGrowth {
 public:
  explicit ResidentGrowth(pid_t pid) : dir_("/proc/" + std::to_string(pid)) {
    std::ofstream reset(dir_ + "/clear_refs");
    reset << "5" << std::flush;  // makes the present value the peak (proc(5))
    EXPECT_TRUE(reset.good());
    before_ = PeakKib();
  }
  int64_t Kib() const { return PeakKib() - before_; }

 private:
  int64_t PeakKib() const {
    std::ifstream status(dir_ + "/status");
    for (std::string word; status >> word;) {
      int64_t kib = 0;
      if (word == "VmHWM:" && status >> kib) return kib;
    }
    ADD_FAILURE() << "no VmHWM in " << dir_;
    return 0;
  }

  const std::string dir_;
  int64_t before_ = 0;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_RESIDENT_GROWTH_H_
