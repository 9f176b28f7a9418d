#ifndef FDRPC_TESTS_CONFORMANCE_FULL_DESCRIPTOR_TABLE_H_
#define FDRPC_TESTS_CONFORMANCE_FULL_DESCRIPTOR_TABLE_H_

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "fdrpc/unique_fd.h"
#include "gtest/gtest.h"

namespace fdrpc::testing {

// During its lifetime, this process can open only that many more descriptors.
class FullDescriptorTable {
 public:
  explicit FullDescriptorTable(size_t room) {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &former_), 0);
    const rlimit lowered = {.rlim_cur = 512, .rlim_max = former_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
    while (true) {
      UniqueFd fd(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
      if (!fd.ok()) break;
      filling_.push_back(std::move(fd));
    }
    EXPECT_EQ(errno, EMFILE);
    EXPECT_GE(filling_.size(), room);
    filling_.resize(filling_.size() - std::min(room, filling_.size()));
  }
  ~FullDescriptorTable() { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &former_), 0); }
  FullDescriptorTable(const FullDescriptorTable&) = delete;
  FullDescriptorTable& operator=(const FullDescriptorTable&) = delete;

 private:
  rlimit former_ = {};
  std::vector<UniqueFd> filling_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CONFORMANCE_FULL_DESCRIPTOR_TABLE_H_
