// Compiles and runs the snippets of docs/guide/distributed-tracing.md.
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "fdrpc/tracing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "guide.fdrpc.h"
#include "tests/support/temp_dir.h"

// The snippets name parameters that they do not use.
#pragma GCC diagnostic ignored "-Wunused-parameter"

namespace fdrpc::testing {
namespace {

#include "span_observer.inc"

TEST(GuideTracingTest, BothSidesTellOfOneTrace) {
  TempDir dir;
  const std::string address = dir.address();
  const auto log = std::make_shared<SpanLog>();
  guide::Store::Service store;
#include "traced_programs.inc"
  ASSERT_TRUE(channel.ok());
  server.AddService(store);
  ASSERT_TRUE(server.Listen(address).ok());
  ASSERT_TRUE(server.Start().ok());
  EXPECT_FALSE(guide::Store::Stub(*channel).Get(guide::GetRequest()).ok());
  server.Shutdown();
  server.Wait();
  const std::vector<std::string> lines = log->lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].substr(0, 36), lines[1].substr(0, 36));
  for (const std::string& line : lines) {
    EXPECT_THAT(line, ::testing::EndsWith("-01 guide.Store/Get failed"));
  }
}

}  // namespace
}  // namespace fdrpc::testing
