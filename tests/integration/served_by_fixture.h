#ifndef FDRPC_TESTS_INTEGRATION_SERVED_BY_FIXTURE_H_
#define FDRPC_TESTS_INTEGRATION_SERVED_BY_FIXTURE_H_

#include <optional>
#include <string>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/raw_peer.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {

// A test's own Service on a running server, and a stub for it, over a socket of
// each scheme.
template <typename Service>
class ServedByFixture : public ::testing::TestWithParam<const char*> {
 protected:
  ServedByFixture() {
    server_.AddService(service_);
    EXPECT_TRUE(server_.Listen(address_).ok());
    EXPECT_TRUE(server_.Start().ok());
    stub_.emplace(*Channel::Connect(address_));
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_ = dir_.address("socket", GetParam());
  Service service_;
  Server server_;
  std::optional<TestService::Stub> stub_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_INTEGRATION_SERVED_BY_FIXTURE_H_
