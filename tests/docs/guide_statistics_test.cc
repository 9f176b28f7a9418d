// Compiles and runs the snippets of docs/guide/statistics.md.
#include <unistd.h>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "fdrpc/statistics.h"
#include "fdrpc/statistics/v1/statistics.fdrpc.h"
#include "gtest/gtest.h"
#include "guide.fdrpc.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

namespace v1 = statistics::v1;

TEST(GuideStatisticsTest, AServerTellsWhatItDoesOnBothSockets) {
  TempDir dir;
  guide::Store::Service store;
#include "statistics_server.inc"
  EXPECT_EQ(server.services().size(), 2u);
#include "confined_statistics.inc"
  ASSERT_TRUE(server.Listen(dir.address("a")).ok());
  ASSERT_TRUE(inspection.Listen(dir.address("b")).ok());
  ASSERT_TRUE(server.Start().ok());
  ASSERT_TRUE(inspection.Start().ok());
  for (const char* socket : {"a", "b"}) {
    const auto channel = Channel::Connect(dir.address(socket));
    ASSERT_TRUE(channel.ok());
    const auto reply = v1::Statistics::Stub(*channel).Get(v1::GetRequest());
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->pid(), getpid());
    EXPECT_EQ(reply->methods(0).name(), "guide.Store/Put");
  }
}

}  // namespace
}  // namespace fdrpc::testing
