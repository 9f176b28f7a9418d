#ifndef FDRPC_TESTS_SUPPORT_OPEN_FILE_LIMIT_H_
#define FDRPC_TESTS_SUPPORT_OPEN_FILE_LIMIT_H_

#include <sys/resource.h>

namespace fdrpc::testing {

// During its lifetime, this process can open exactly `more` additional
// descriptors: RLIMIT_NOFILE is lowered, and restored at the end.
class OpenFileLimit {
 public:
  explicit OpenFileLimit(int more);
  ~OpenFileLimit();
  OpenFileLimit(const OpenFileLimit&) = delete;
  OpenFileLimit& operator=(const OpenFileLimit&) = delete;

 private:
  rlimit before_ = {};
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_OPEN_FILE_LIMIT_H_
