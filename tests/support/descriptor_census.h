#ifndef FDRPC_TESTS_SUPPORT_DESCRIPTOR_CENSUS_H_
#define FDRPC_TESTS_SUPPORT_DESCRIPTOR_CENSUS_H_

#include <map>
#include <string>

namespace fdrpc::testing {

// The descriptors that a process has open: their numbers and their files, such
// as "socket:[4711]". Two censuses are equal if exactly the same descriptors
// are open.
using DescriptorCensus = std::map<int, std::string>;

// Of this process, or of another one by its pid.
DescriptorCensus TakeCensus();
DescriptorCensus TakeCensusOf(int pid);

// The census as soon as it equals `expected`, or after a time-out: when a call
// returns, another thread or process may still have to close something.
DescriptorCensus TakeCensusExpecting(const DescriptorCensus& expected);
DescriptorCensus TakeCensusOfExpecting(int pid,
                                       const DescriptorCensus& expected);

// From now on, leaves out the memory of rings, which a server has open until
// the client has joined: when that is depends on when the client reads next.
void LeaveRingsOutOfCensus();

// Fails the test if other descriptors are open at the end of the scope than at
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
