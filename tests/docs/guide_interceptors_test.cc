// Compiles and runs the snippets of docs/guide/ about interceptors.
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fdrpc/channel.h"
#include "fdrpc/client_call_filter.h"
#include "fdrpc/server.h"
#include "fdrpc/server_interceptor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "guide.fdrpc.h"
#include "tests/support/temp_dir.h"

// Snippets name parameters that they do not use.
#pragma GCC diagnostic ignored "-Wunused-parameter"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;

#include "client_interceptor.inc"
#include "server_interceptor.inc"

class TokenService final : public guide::Store::Service {
 public:
  absl::Status Put(ServerContext& context, Parcel<guide::PutRequest>&,
                   guide::PutReply&) override {
    return absl::NotFoundError(
        std::string(context.metadata().Get("token").value_or("none")));
  }
};

absl::Status Put(Server& server, const std::string& address,
                 std::function<void(std::string)> log) {
  if (absl::Status s = server.Listen(address); !s.ok()) return s;
  if (absl::Status s = server.Start(); !s.ok()) return s;
#include "intercepted_channel.inc"
  if (!channel.ok()) return channel.status();
  absl::Status put = guide::Store::Stub(*channel).Put({}).status();
  server.Shutdown(absl::ZeroDuration());
  server.Wait();
  return put;
}

TEST(GuideInterceptorsTest, TheTokenReachesTheHandlerAndTheEndTheLog) {
  TempDir dir;
  std::vector<std::string> log;
  TokenService service;
#include "intercepted_server.inc"
  server.AddService(service);
  const absl::Status put = Put(server, dir.address(), [&](std::string line) {
    log.push_back(std::move(line));
  });
  EXPECT_EQ(put.message(), "4711");
  EXPECT_THAT(log, ElementsAre("guide.Store/Put: NOT_FOUND: 4711"));
}

TEST(GuideInterceptorsTest, OthersAreRefused) {
  TempDir dir;
  TokenService service;
  Server server({.interceptors = {std::make_shared<OnlyFor>(getuid() + 1)}});
  server.AddService(service);
  EXPECT_TRUE(absl::IsPermissionDenied(
      Put(server, dir.address(), [](const std::string&) {})));
}

}  // namespace
}  // namespace fdrpc::testing
