#ifndef FDRPC_TESTS_SUPPORT_SCHEMES_H_
#define FDRPC_TESTS_SUPPORT_SCHEMES_H_

#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace fdrpc::testing {

// The schemes of addresses, for tests that run over each type of socket, and
// for their names.
inline const auto kAllSchemes =
    ::testing::Values("unix:", "unix-seqpacket:", "unix-dgram:");
inline std::string SchemeName(
    const ::testing::TestParamInfo<const char*>& info) {
  const std::string_view scheme = info.param;
  return scheme == "unix:"             ? "Stream"
         : scheme == "unix-seqpacket:" ? "Seqpacket"
                                       : "Datagram";
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_SCHEMES_H_
