#ifndef FDRPC_TESTS_SUPPORT_SPAWNER_H_
#define FDRPC_TESTS_SUPPORT_SPAWNER_H_

#include <sys/types.h>

#include <functional>

#include "fdrpc/unique_fd.h"

namespace fdrpc::testing {

// Starts processes, one after the other, for a test that has threads: a child
// of it that was forked before and has none. Is not to be forgotten: the
// processes are children of the child's.
class Spawner {
 public:
  // `body` runs in each process, which exits with what it returns; it writes
  // a byte into `ready` once the test may go on.
  using Body = std::function<int(UniqueFd ready)>;
  // Made before this process has threads.
  explicit Spawner(const Body& body);
  ~Spawner();

  // The next process, once it is ready; -1 if it never was.
  pid_t Start();
  // Waits for the end of the one that was started: its exit code, or minus the
  // signal that ended it.
  int AwaitEnd();

 private:
  [[noreturn]] static void Serve(const Body& body, UniqueFd orders,
                                 UniqueFd answers);
  int Order(char order);

  pid_t pid_ = -1;
  UniqueFd orders_;
  UniqueFd answers_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_SPAWNER_H_
