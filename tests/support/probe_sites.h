#ifndef FDRPC_TESTS_SUPPORT_PROBE_SITES_H_
#define FDRPC_TESTS_SUPPORT_PROBE_SITES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace fdrpc::testing {

// A static probe of this program, as its ELF note describes it.
struct ProbeSite {
  std::string provider;
  std::string name;
  std::string arguments;  // "8@%rdi -4@$0"
  uint64_t file_offset = 0;
  uint64_t semaphore = 0;  // its address, or 0
};

// All of them; one that the compiler has inlined has several sites.
std::vector<ProbeSite> ProbeSitesOfThisProgram();

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_PROBE_SITES_H_
