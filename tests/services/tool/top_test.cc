// fdrpc top, against live servers.
#include <unistd.h>

#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "fdrpc/statistics.h"
#include "fdrpc/statistics/v1/statistics.fdrpc.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "services/tool/top_view.h"
#include "tests/services/program/program.h"
#include "tests/services/tool/live_server.h"
#include "tests/services/tool/run_tool.h"
#include "tests/support/files.h"
#include "tests/support/sanitized.h"

namespace fdrpc::testing {
namespace {

namespace v1 = statistics::v1;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class TopTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    EnableStatistics(live_.server());
    live_.Start();
  }
  void TearDown() override { live_.Stop(); }

  LiveServer live_{GetParam()};
};

TEST_P(TopTest, ShowsMethodsConnectionsAndUsersOnce) {
  ASSERT_EQ(RunTool({"call", live_.address(), "fdrpc.testing.TestService/Echo",
                     "{}", "-m", "status=5"})
                .exit_status,
            15);
  const Ending ending = RunTool({"top", "--once", live_.address()});
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.errors, "");
  EXPECT_THAT(
      ending.output,
      AllOf(  // The server may not have noticed yet that the call's program is
              // gone.
          ContainsRegex(
              absl::StrCat("process ", getpid(), ", [12] connections, ")),
          ContainsRegex("METHOD +CALLS +PER S +NOW +ERRORS +P50"),
          ContainsRegex("TestService/Echo +1 +- +0 +1 +[0-9.]+[um]s"),
          ContainsRegex("Statistics/Get +1 +- +1 +0 +-"),
          ContainsRegex("[0-9]+ +[0-9]+ +[^ ]+ +fdrpc +[0-9]+s +1 +- +1 "),
          ContainsRegex("USER +CONNECTIONS +FILES"), Not(HasSubstr("\x1b"))));
}

TEST_P(TopTest, PrintsJson) {
  const Ending ending = RunTool({"top", "--once", "--json", live_.address()});
  EXPECT_EQ(ending.exit_status, 0);
  v1::GetReply reply;
  ASSERT_TRUE(
      google::protobuf::util::JsonStringToMessage(ending.output, &reply).ok())
      << ending.output;
  ASSERT_EQ(reply.connections_size(), 1);
  EXPECT_EQ(reply.connections(0).peer().command(), "fdrpc");
}

TEST_P(TopTest, PrintsForPrometheus) {
  const Ending ending = RunTool({"top", "--prometheus", live_.address()});
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.errors, "");
  EXPECT_THAT(
      ending.output,
      AllOf(HasSubstr("# TYPE fdrpc_server_calls_started_total counter\n"
                      "fdrpc_server_calls_started_total{method=\""),
            HasSubstr("\nfdrpc_server_connections 1\n")));
}

TEST_P(TopTest, PrintsViewAfterViewUntilTheServerEnds) {
  auto [read_end, write_end] = Pipe();
  Program top({FDRPC_PROGRAM, "top", "-i", "10ms", live_.address()},
              {.standard_output = write_end.get()});
  write_end.Reset();
  std::promise<std::string> rates;
  // Reads until the end, so that the program never waits for this test.
  std::thread reader([&, fd = read_end.get()] {
    int views = 0;
    std::string line;
    char c = 0;
    while (read(fd, &c, 1) == 1) {
      line += c;
      if (c != '\n') continue;
      if (line.starts_with("METHOD")) ++views;
      // The second view has rates.
      if (line.starts_with("fdrpc.statistics") && views == 2) {
        rates.set_value(std::exchange(line, ""));
        views = 3;
      }
      line.clear();
    }
  });
  EXPECT_THAT(rates.get_future().get(),
              ContainsRegex("Statistics/Get +2 +[0-9.]+ +1 +0 "));
  live_.Stop();
  const Ending ending = top.Wait();
  reader.join();
  EXPECT_EQ(ending.exit_status, 24);
  EXPECT_THAT(ending.errors, ::testing::MatchesRegex("fdrpc: [^\n]*\n"));
}

// Under a sanitizer, where a process takes long to start, one of them.
std::vector<const char*> TopSchemes() {
  if (kSanitized) return {"unix:@"};
  return {"unix:", "unix:@", "unix-seqpacket:", "unix-dgram:"};
}
INSTANTIATE_TEST_SUITE_P(, TopTest, ::testing::ValuesIn(TopSchemes()));

TEST(TopMisuseTest, SaysInOneLineWhatIsWrong) {
  LiveServer live("unix:");
  live.Start();
  const struct {
    std::vector<std::string> words;
    int exit_status;
    const char* message;
  } kCases[] = {
      {{"top"}, 2, "it takes one ADDRESS"},
      {{"top", "a", "b"}, 2, "it takes one ADDRESS"},
      {{"top", "nonsense"}, 2, "nonsense"},
      {{"top", "-i", "1ms", live.address()}, 2, "--interval is from 10ms"},
      {{"top", "-i", "soon", live.address()}, 2, "soon"},
      {{"top", "--json", "--prometheus", live.address()}, 2, "are both given"},
      {{"top", live.address()}, 22, "fdrpc::EnableStatistics()"},
      {{"top", "unix:/nonexistent/socket"}, 24, "/nonexistent"},
  };
  for (const auto& bad : kCases) {
    const Ending ending = RunTool(bad.words);
    EXPECT_EQ(ending.exit_status, bad.exit_status) << ending.errors;
    EXPECT_THAT(ending.errors, AllOf(::testing::MatchesRegex("fdrpc: [^\n]*\n"),
                                     HasSubstr(bad.message)));
    EXPECT_EQ(ending.output, "");
  }
  live.Stop();
}

v1::GetReply ReplyAt(uint64_t seconds, uint64_t calls) {
  v1::GetReply reply;
  reply.set_monotonic_nanoseconds(seconds * 1'000'000'000);
  v1::Method& method = *reply.add_methods();
  method.set_name("a.B/C");
  method.set_begun(calls);
  method.add_ended()->set_calls(calls);
  v1::Bucket& bucket = *method.add_latencies();
  bucket.set_below_nanoseconds(2'048);
  bucket.set_calls(calls);
  return reply;
}

TEST(TopViewTest, RatesAndLatenciesAreThoseBetweenTwoReplies) {
  const v1::GetReply before = ReplyAt(10, 100);
  v1::GetReply now = ReplyAt(12, 5'100);
  // Of the new ones, half took longer.
  v1::Method& method = *now.mutable_methods(0);
  method.mutable_latencies(0)->set_calls(2'600);
  v1::Bucket& longer = *method.add_latencies();
  longer.set_below_nanoseconds(3'500'000);
  longer.set_calls(2'500);
  const std::string text = tool::TopText(now, &before);
  EXPECT_THAT(text, ContainsRegex("a.B/C +5.1k +2.5k +0 +0 +2.0us +3.5ms +"
                                  "3.5ms\n"));
  // A server that was started anew has counted less.
  EXPECT_THAT(tool::TopText(ReplyAt(13, 3), &now),
              ContainsRegex("a.B/C +3 +0 +0 +0 "));
}

}  // namespace
}  // namespace fdrpc::testing
