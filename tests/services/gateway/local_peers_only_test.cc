#include "services/program/local_peers_only.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "fdrpc/in_process_server.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

TEST(LocalPeersOnly, RefusesARemotePeer) {
  FakeService service;
  InProcessServer server(
      service, {.interceptors = {std::make_shared<program::LocalPeersOnly>()}});
  const TestService::Stub stub(server.channel());
  EXPECT_TRUE(stub.Echo(TextOf("x")).ok());
  const CallOptions forwarded = {
      .metadata = {{std::string(kRemotePeerKey), "ipv4:192.0.2.7:1"}}};
  EXPECT_TRUE(
      absl::IsPermissionDenied(stub.Echo(TextOf("x"), forwarded).status()));
}

}  // namespace
}  // namespace fdrpc::testing
