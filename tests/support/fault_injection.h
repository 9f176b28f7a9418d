#ifndef FDRPC_TESTS_SUPPORT_FAULT_INJECTION_H_
#define FDRPC_TESTS_SUPPORT_FAULT_INJECTION_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fdrpc::testing {

// During its lifetime, the runtime's system calls in this process ask a plan
// what to do. One object at a time.
class FaultInjection {
 public:
  struct Fault {
    int error = 0;  // fails with this errno, and does nothing
    size_t most_bytes =
        0;  // sendmsg, recvmsg: moves at most this many (0: all)
  };
  // Called before each system call, on any thread, with its name ("sendmsg"
  // includes send(2)) and the number of earlier calls with that name. Returns
  // what is to go wrong.
  using Plan = std::function<Fault(std::string_view name, size_t index)>;

  // A plan in which the first `count` calls of that name fail.
  static Plan FailFirst(std::string name, size_t count, int error);

  explicit FaultInjection(Plan plan);
  ~FaultInjection();
  FaultInjection(const FaultInjection&) = delete;
  FaultInjection& operator=(const FaultInjection&) = delete;

  // The names that a plan can be asked about.
  static const std::vector<std::string>& Names();
  // How many calls of that name were made under this plan.
  size_t CountOf(std::string_view name) const;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_FAULT_INJECTION_H_
