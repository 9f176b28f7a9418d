// The limits of calls, in all forms: windows, the sizes of messages and
// metadata.

#include <string>
#include <thread>

#include "tests/calls/calls_fixture.h"

namespace fdrpc::testing {
namespace {

constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;
// What both sides accept here.
constexpr uint32_t kLargestMessage = 100u << 10;

class LimitsTest : public CallsTest {
 protected:
  ServerOptions server_options() const override {
    return {.max_request_bytes = kLargestMessage};
  }
  ChannelOptions channel_options() const override {
    return {.max_reply_bytes = kLargestMessage};
  }
};
INSTANTIATE_TEST_SUITE_P(Forms, LimitsTest, AllForms(), FormsName);

TEST_P(LimitsTest, AReaderThatStopsHoldsUpNobodyElse) {
  auto unread = Watch("burst 1000000");
  ASSERT_TRUE(unread->Read().has_value());
  for (int i = 0; i < 5; ++i) {
    auto other = Watch("burst 400");
    for (int k = 0; k < 400; ++k) ASSERT_TRUE(other->Read().has_value());
    EXPECT_FALSE(other->Read().has_value());
  }
  EXPECT_EQ(Echo(Script("echo a"))->text(), "a");
  unread->Cancel();
  seen_.AwaitCancelled(1);
}

TEST_P(LimitsTest, AHandlerThatStopsReadingHoldsUpNobodyElse) {
  auto unread = Collect();
  ASSERT_TRUE(unread->Write(Script("wait")));
  seen_.AwaitWaiting(1);
  std::thread writer([&] {
    Text large;
    large.set_data(std::string(64u << 10, 'x'));
    while (unread->Write(large)) {
    }
  });
  for (int i = 0; i < 10; ++i) {
    auto other = Collect();
    for (int k = 0; k < 200; ++k) ASSERT_TRUE(other->Write(Script("a")));
    EXPECT_EQ(other->Finish()->number(), 200);
  }
  EXPECT_EQ(Echo(Script("echo a"))->text(), "a");
  unread->Cancel();
  writer.join();
  EXPECT_EQ(unread->Finish().status().code(), absl::StatusCode::kCancelled);
  seen_.AwaitCancelled(1);
}

TEST_P(LimitsTest, ARequestBeyondTheServersLimitEndsOnlyItsCall) {
  Text request;
  request.set_data(std::string(kLargestMessage + 1, 'x'));
  EXPECT_EQ(Echo(request).status().code(), kExhausted);
  auto call = Collect();
  call->Write(request);
  EXPECT_EQ(call->Finish().status().code(), kExhausted);
  EXPECT_TRUE(Echo(Text()).ok()) << "the connection does not live on";
}

TEST_P(LimitsTest, AReplyBeyondTheClientsLimitEndsOnlyItsCall) {
  const std::string script = "big " + std::to_string(kLargestMessage + 1);
  auto beside = Chat();
  EXPECT_EQ(Echo(Script(script)).status().code(), kExhausted);
  auto call = Watch("echo a;" + script);
  EXPECT_EQ(call->Read()->text(), "a");
  EXPECT_FALSE(call->Read().has_value());
  EXPECT_EQ(call->Finish().status().code(), kExhausted);
  ASSERT_TRUE(beside->Write(Script("echo b")));
  EXPECT_EQ(beside->Read()->text(), "b");
}

TEST_P(LimitsTest, MetadataThatBreaksTheRulesFailsTheCall) {
  const CallOptions upper = {.metadata = {{"Upper", "x"}}};
  const CallOptions control = {.metadata = {{"a", "\n"}}};
  const CallOptions large = {.metadata = {{"a", std::string(70000, 'x')}}};
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(Echo(Text(), upper).status().code(), kInvalid);
  EXPECT_EQ(Echo(Text(), control).status().code(), kInvalid);
  EXPECT_EQ(Echo(Text(), large).status().code(), kExhausted);
  EXPECT_EQ(Watch("", upper)->Finish().status().code(), kInvalid);
  EXPECT_EQ(Collect(control)->Finish().status().code(), kInvalid);
  EXPECT_EQ(Chat(large)->Finish().status().code(), kExhausted);
}

TEST_P(LimitsTest, MetadataOfAHandlerThatIsTooLargeFailsItsCall) {
  const std::string large(70000, 'x');
  for (const char* verb : {"later ", "trailers "}) {
    EXPECT_EQ(Echo(Script(verb + large)).status().code(),
              absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(Watch(verb + large)->Finish().status().code(),
              absl::StatusCode::kResourceExhausted);
  }
  EXPECT_TRUE(Echo(Text()).ok());
}

}  // namespace
}  // namespace fdrpc::testing
