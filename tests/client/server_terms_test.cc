#include "client/server_terms.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc {
namespace {

using ::testing::HasSubstr;

TEST(ServerTermsTest, UntilTheHelloItTakesWhatEveryServerDoes) {
  ServerTerms server;
  EXPECT_FALSE(server.has_hello());
  EXPECT_EQ(server.max_calls(), kGuaranteedCalls);
  EXPECT_EQ(server.initial_credit().bytes, kGuaranteedCreditBytes);
  EXPECT_TRUE(server.Takes(kGuaranteedMessageBytes, kGuaranteedDescriptors));
  EXPECT_FALSE(server.Takes(kGuaranteedMessageBytes + 1, 0));
  EXPECT_FALSE(server.Takes(0, kGuaranteedDescriptors + 1));
  EXPECT_TRUE(server.MayTakeMore());
  EXPECT_TRUE(server.CheckSize(kGuaranteedMessageBytes + 1, 0).ok())
      << "the server has not said that it does not";
}

TEST(ServerTermsTest, TheHelloSaysWhatItTakes) {
  ServerTerms server;
  server.OnHello({.max_message_bytes = 1u << 20,
                  .max_descriptors = 300,
                  .max_calls = 7,
                  .initial_credit_bytes = 1u << 17,
                  .initial_credit_descriptors = 30});
  EXPECT_TRUE(server.has_hello());
  EXPECT_EQ(server.max_calls(), 7u);
  EXPECT_EQ(server.initial_credit().bytes, 1u << 17);
  EXPECT_EQ(server.initial_credit().descriptors, 30u);
  EXPECT_TRUE(server.Takes(1u << 20, 300));
  EXPECT_TRUE(server.CheckSize(1u << 20, 300).ok());
  EXPECT_FALSE(server.MayTakeMore());
}

TEST(ServerTermsTest, SaysWhatExceedsTheServersLimits) {
  ServerTerms server;
  server.OnHello({.max_message_bytes = 1u << 20, .max_descriptors = 300});
  const absl::Status bytes = server.CheckSize((1u << 20) + 1, 0);
  EXPECT_TRUE(absl::IsResourceExhausted(bytes));
  EXPECT_THAT(bytes.message(),
              HasSubstr("1048577 bytes exceeds the server's limit of 1048576 "
                        "(ServerOptions::max_request_bytes, "));
  const absl::Status descriptors = server.CheckSize(0, 301);
  EXPECT_TRUE(absl::IsResourceExhausted(descriptors));
  EXPECT_THAT(descriptors.message(),
              HasSubstr("301 descriptors exceeds the server's limit of 300 "
                        "(ServerOptions::max_request_descriptors, "));
}

TEST(ServerTermsTest, AGoAwayNamesTheLastCallThatItTakes) {
  ServerTerms server;
  EXPECT_FALSE(server.goes_away());
  EXPECT_TRUE(server.TakesCall(kLastCallId));
  EXPECT_TRUE(server.OnGoAway(5, "for an update").ok());
  EXPECT_TRUE(server.goes_away());
  EXPECT_EQ(server.go_away(), absl::UnavailableError("for an update"));
  EXPECT_TRUE(server.TakesCall(5));
  EXPECT_FALSE(server.TakesCall(6));
}

TEST(ServerTermsTest, AFurtherGoAwayTakesFewerCallsButNoMore) {
  ServerTerms server;
  EXPECT_TRUE(server.OnGoAway(kLastCallId, "").ok());
  EXPECT_EQ(server.go_away(),
            absl::UnavailableError("the server is shutting down"));
  EXPECT_TRUE(server.OnGoAway(5, "").ok());
  EXPECT_TRUE(server.OnGoAway(5, "").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(server.OnGoAway(6, "")));
  EXPECT_FALSE(server.TakesCall(6));
}

TEST(ServerTermsTest, TheEndIsToldWithTheReasonOfAGoAway) {
  ServerTerms server;
  const absl::Status ended = absl::UnavailableError("the connection has ended");
  EXPECT_EQ(server.WithReason(ended), ended);
  EXPECT_TRUE(server.OnGoAway(0, "too many connections").ok());
  EXPECT_EQ(
      server.WithReason(ended),
      absl::UnavailableError("the connection has ended: too many connections"));
  const absl::Status broken = absl::InternalError("a protocol error");
  EXPECT_EQ(server.WithReason(broken), broken);
}

}  // namespace
}  // namespace fdrpc
