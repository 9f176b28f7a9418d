#include "tests/support/open_file_limit.h"

#include <fcntl.h>
#include <unistd.h>

#include <vector>

#include "fdrpc/unique_fd.h"
#include "gtest/gtest.h"

namespace fdrpc::testing {

OpenFileLimit::OpenFileLimit(int more) {
  // The limit is on numbers: it is the first number that cannot be used.
  std::vector<UniqueFd> taken;
  for (int i = 0; i <= more; ++i) {
    taken.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(taken.back().ok());
  }
  EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
  rlimit lowered = before_;
  lowered.rlim_cur = static_cast<rlim_t>(taken.back().get());
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
}

OpenFileLimit::~OpenFileLimit() {
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before_), 0);
}

}  // namespace fdrpc::testing
