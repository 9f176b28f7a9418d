// Compiles and runs the snippets of docs/guide/calls-back.md.
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/channel.h"
#include "fdrpc/channel_to_client.h"
#include "fdrpc/offered_services.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "guide.fdrpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/temp_dir.h"

// Snippets name parameters that they do not use.
#pragma GCC diagnostic ignored "-Wunused-parameter"

namespace fdrpc::testing {
namespace {
namespace calls_back {

#include "offer.inc"

class Journal final : public guide::Journal::Service {
 public:
  explicit Journal(std::vector<std::string> texts) {
    for (std::string& text : texts) {
      entries_.emplace_back().set_text(std::move(text));
    }
  }

#include "call_back.inc"

 private:
  std::vector<guide::Entry> entries_;
};

TEST(GuideCallsBackTest, AHandlerAsksItsClient) {
  ExpectSameDescriptors at_the_end;
  TempDir dir;
  Journal journal({"a", "b", "enough", "c"});
  Server server;
  server.AddService(journal);
  ASSERT_TRUE(server.Listen(dir.address()).ok());
  ASSERT_TRUE(server.Start().ok());
  const absl::StatusOr<guide::Summary> summary = Summarize(dir.address());
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->entries(), 2u);
  guide::Journal::Stub other(*Channel::Connect(dir.address()));
  EXPECT_EQ(other.Summarize(guide::SummarizeRequest()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace calls_back
}  // namespace
}  // namespace fdrpc::testing
