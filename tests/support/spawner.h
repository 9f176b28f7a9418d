#ifndef FDRPC_TESTS_SUPPORT_SPAWNER_H_
#define FDRPC_TESTS_SUPPORT_SPAWNER_H_

#include <sys/types.h>

#include <functional>

#include "fdrpc/unique_fd.h"

namespace fdrpc::testing {

// Starts processes, one after the other, for a test that has threads: in a
// child that was forked before and has none. So the processes are children of
// that child.
class Spawner {
 public:
  // Runs in each process, which exits with its result; it writes a byte to
  // `ready` when the test may continue.
  using Body = std::function<int(UniqueFd ready)>;
  // Make it before this process has threads.
  explicit Spawner(const Body& body);
  ~Spawner();

  // Returns the next process when it is ready; -1 if that fails.
  pid_t Start();
  // Waits for the end of the started process: returns its exit code, or minus
  // the signal that ended it.
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
