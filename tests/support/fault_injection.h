#ifndef FDRPC_TESTS_SUPPORT_FAULT_INJECTION_H_
#define FDRPC_TESTS_SUPPORT_FAULT_INJECTION_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fdrpc::testing {

// While it lives, the runtime's system calls in this process ask it what to do.
// One at a time.
class FaultInjection {
 public:
  struct Fault {
    int error = 0;  // fails with this errno, without doing anything
    size_t most_bytes =
        0;  // sendmsg, recvmsg: moves at most this many (0: all)
  };
  // Called before each system call, on any thread, with its name ("sendmsg",
  // which is send(2)'s, too) and how many of that name came before it. Returns
  // what is to go wrong.
  using Plan = std::function<Fault(std::string_view name, size_t index)>;

  // The plan under which the first `count` calls of that name fail.
  static Plan FailFirst(std::string name, size_t count, int error);

  explicit FaultInjection(Plan plan);
  ~FaultInjection();
  FaultInjection(const FaultInjection&) = delete;
  FaultInjection& operator=(const FaultInjection&) = delete;

  // The names that a plan can be asked about.
  static const std::vector<std::string>& Names();
  // How often a call of that name was made under this plan.
  size_t CountOf(std::string_view name) const;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_FAULT_INJECTION_H_
