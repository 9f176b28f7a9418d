// Compiles and runs the snippets of docs/guide/services-in-messages.md.
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "guide.fdrpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/temp_dir.h"

// Snippets name parameters that they do not use.
#pragma GCC diagnostic ignored "-Wunused-parameter"

namespace fdrpc::testing {
namespace {
namespace services_in_messages {

class Log final : public guide::Journal::Service {
 public:
  absl::Status Summarize(ServerContext& context,
                         const guide::SummarizeRequest& request,
                         guide::Summary& summary) override {
    summary.set_entries(7);
    return absl::OkStatus();
  }
};

#include "serve_in_message.inc"

absl::StatusOr<guide::Summary> CallWhatItBrings(const Channel& channel){
#include "take_from_message.inc"
}

TEST(GuideServicesInMessagesTest, AReplyBringsAService) {
  ExpectSameDescriptors at_the_end;
  TempDir dir;
  Server server;
  Desk desk(server);
  server.AddService(desk);
  ASSERT_TRUE(server.Listen(dir.address()).ok());
  ASSERT_TRUE(server.Start().ok());
  const absl::StatusOr<guide::Summary> summary =
      CallWhatItBrings(*Channel::Connect(dir.address()));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->entries(), 7u);
}

}  // namespace services_in_messages
}  // namespace
}  // namespace fdrpc::testing
