#ifndef FDRPC_TESTS_SUPPORT_DESCRIPTOR_CENSUS_H_
#define FDRPC_TESTS_SUPPORT_DESCRIPTOR_CENSUS_H_

#include <map>
#include <string>

namespace fdrpc::testing {

// The descriptors that a process has open: number and what it is open on, such
// as "socket:[4711]". Two censuses are equal if exactly the same are open.
using DescriptorCensus = std::map<int, std::string>;

// Of this process, or of another one by its pid.
DescriptorCensus TakeCensus();
DescriptorCensus TakeCensusOf(int pid);

// A census as soon as it equals `expected`, or as it is when that has taken too
// long: what another thread or process is about to close may still be open when
// a call returns.
DescriptorCensus TakeCensusExpecting(const DescriptorCensus& expected);
DescriptorCensus TakeCensusOfExpecting(int pid,
                                       const DescriptorCensus& expected);

// Fails the test at the end of the scope if other descriptors are open than at
// its beginning.
class ExpectSameDescriptors {
 public:
  ExpectSameDescriptors() : before_(TakeCensus()) {}
  ~ExpectSameDescriptors();

 private:
  const DescriptorCensus before_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_DESCRIPTOR_CENSUS_H_
