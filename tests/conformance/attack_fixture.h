#ifndef FDRPC_TESTS_CONFORMANCE_ATTACK_FIXTURE_H_
#define FDRPC_TESTS_CONFORMANCE_ATTACK_FIXTURE_H_

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {

// The common part of attacks on a server and on a channel: an address of each
// scheme, and a check that no descriptor is left open.
class AttackFixture : public ::testing::TestWithParam<const char*> {
 protected:
  static std::string scheme() { return GetParam(); }
  static bool packets() { return scheme() != "unix:"; }
  static constexpr char kNoParts[] =
      "over packets a frame cannot arrive in parts";
  // All flags that a frame may have, without a known meaning.
  static uint8_t AnyFlags() { return packets() ? 0x7f : 0xff; }
  std::string address() const { return dir_.address("socket", scheme()); }

  ExpectSameDescriptors census_;
  TempDir dir_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CONFORMANCE_ATTACK_FIXTURE_H_
