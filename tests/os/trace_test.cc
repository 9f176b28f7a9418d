#include "os/trace.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc {
namespace {

using ::testing::HasSubstr;

TEST(TraceTest, ParsesKindsAndAFile) {
  EXPECT_EQ(Trace::Parse("calls")->kinds, Trace::kCalls);
  EXPECT_EQ(Trace::Parse("calls")->file, "");
  EXPECT_EQ(Trace::Parse("statuses,frames")->kinds,
            Trace::kStatuses | Trace::kFrames);
  const auto all = Trace::Parse("all:/tmp/a:b,c");
  EXPECT_EQ(all->kinds, Trace::kStatuses | Trace::kCalls | Trace::kConnections |
                            Trace::kFrames);
  EXPECT_EQ(all->file, "/tmp/a:b,c");
}

TEST(TraceTest, SaysWhatIsWrongWithAValue) {
  for (const char* value : {"", "call", "calls,", "1", ":file", "calls;frames",
                            "ALL", "calls, frames"}) {
    const auto parsed = Trace::Parse(value);
    ASSERT_TRUE(absl::IsInvalidArgument(parsed.status())) << value;
    EXPECT_THAT(std::string(parsed.status().message()),
                HasSubstr("statuses, calls, connections, frames, all"));
  }
  EXPECT_THAT(std::string(Trace::Parse("calls:").status().message()),
              HasSubstr("no file after the colon"));
}

}  // namespace
}  // namespace fdrpc
