#include "fdrpc/prometheus.h"

#include <set>
#include <string>

#include "absl/strings/str_split.h"
#include "fdrpc/in_process_channel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

namespace v1 = statistics::v1;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

TEST(PrometheusTest, CallsAndTheirLatencies) {
  v1::GetReply reply;
  v1::Method& method = *reply.add_methods();
  method.set_name("a.B/C");
  method.set_begun(7);
  method.add_ended()->set_calls(5);
  v1::Ended& failed = *method.add_ended();
  failed.set_code(5);
  failed.set_calls(1);
  method.set_latency_nanoseconds(2'500'000'000);
  const struct {
    uint64_t below;
    uint64_t calls;
  } kBuckets[] = {{1'280, 1}, {4'096, 2}, {5'120, 2}, {0, 1}};
  for (const auto& bucket : kBuckets) {
    v1::Bucket& made = *method.add_latencies();
    made.set_below_nanoseconds(bucket.below);
    made.set_calls(bucket.calls);
  }
  const std::string text = PrometheusText(reply);
  const std::string histogram = "fdrpc_server_call_duration_seconds";
  EXPECT_THAT(
      text,
      AllOf(HasSubstr("fdrpc_server_calls_started_total{method=\"a.B/C\"} 7\n"),
            HasSubstr("fdrpc_server_calls_ended_total{method=\"a.B/C\","
                      "status=\"OK\"} 5\n"),
            HasSubstr("{method=\"a.B/C\",status=\"NOT_FOUND\"} 1\n"),
            HasSubstr("# TYPE " + histogram + " histogram\n"),
            // Cumulative: what is below each bound.
            HasSubstr(histogram +
                      "_bucket{method=\"a.B/C\",le=\"1.024e-06\"} 0\n"),
            HasSubstr("le=\"4.096e-06\"} 3\n"),
            HasSubstr("le=\"1.6384e-05\"} 5\n"),
            HasSubstr("le=\"68.7194767\"} 5\n"), HasSubstr("le=\"+Inf\"} 6\n"),
            HasSubstr(histogram + "_sum{method=\"a.B/C\"} 2.5\n"),
            HasSubstr(histogram + "_count{method=\"a.B/C\"} 6\n")));
}

TEST(PrometheusTest, LabelsAreQuoted) {
  v1::GetReply reply;
  reply.add_methods()->set_name("a\"\\\nb");
  EXPECT_THAT(PrometheusText(reply),
              HasSubstr("{method=\"a\\\"\\\\\\nb\"} 0\n"));
}

TEST(PrometheusTest, OfALiveServerEachLineIsACommentOrASample) {
  FakeService service;
  Server server;
  server.AddService(service);
  server.CountCalls();
  EXPECT_THAT(PrometheusText(server),
              HasSubstr("fdrpc_server_connections 0\n"));
  const absl::StatusOr<Channel> channel = InProcessChannel(server);
  ASSERT_TRUE(channel.ok());
  ASSERT_TRUE(server.Start().ok());
  ASSERT_TRUE(TestService::Stub(*channel).Echo(Text()).ok());
  const std::string text = PrometheusText(server);
  EXPECT_THAT(text,
              HasSubstr("fdrpc_server_calls_ended_total{method=\"fdrpc.testing."
                        "TestService/Echo\",status=\"OK\"} 1\n"));
  EXPECT_THAT(text, ContainsRegex("fdrpc_server_user_connections.uid=\"[0-9]+"
                                  "\". 1\n"));
  std::set<std::string> heads;
  for (const auto piece : absl::StrSplit(text, '\n')) {
    const std::string line(piece);
    if (line.empty()) continue;
    if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(heads.insert(line).second) << line;
    } else if (!line.starts_with("# HELP ")) {
      EXPECT_THAT(line,
                  ::testing::MatchesRegex("[a-z_]+(.[^}]*.)? [-+0-9.e]+"));
    }
  }
  server.Shutdown();
  server.Wait();
}

}  // namespace
}  // namespace fdrpc::testing
