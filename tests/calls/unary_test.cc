// Unary calls, in all forms. Cases of gRPC's interop descriptions
// (grpc/grpc doc/interop-test-descriptions.md) have their names in comments.

#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include "tests/calls/calls_fixture.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class UnaryTest : public CallsTest {
 protected:
  // To a server that is gone, and never listened.
  TestService::Stub StubToNobody() {
    Server gone;
    return TestService::Stub(Link(link_kind(), gone).NewChannel(client_));
  }
};
INSTANTIATE_TEST_SUITE_P(Forms, UnaryTest, AllForms(), FormsName);
INSTANTIATE_TEST_SUITE_P(Datagrams, UnaryTest, UnaryForms(), FormsName);

// empty_unary
TEST_P(UnaryTest, EmptyMessages) {
  const absl::StatusOr<Text> reply = Echo(Text());
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->ByteSizeLong(), 0u);
}

// large_unary
TEST_P(UnaryTest, LargeMessages) {
  if (!connected()) GTEST_SKIP();
  Text request = Script("big 314159");
  request.set_data(std::string(271828, 'y'));
  const absl::StatusOr<Text> reply = Echo(request);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->data().size(), 314159u);
}

TEST_P(UnaryTest, LargeMessagesLeaveNothingToTheNext) {
  if (!connected()) GTEST_SKIP();
  for (int i = 0; i < 2; ++i) {
    for (const size_t bytes : {100'000u, 75'000u, 10u, 500'000u, 0u}) {
      Text request = Script("big " + std::to_string(bytes));
      request.set_data(std::string(500'000 - bytes, 'y'));
      const absl::StatusOr<Text> reply = Echo(request);
      ASSERT_TRUE(reply.ok()) << reply.status();
      ASSERT_EQ(reply->data(), std::string(bytes, reply->data()[0]));
      EXPECT_EQ(reply->text(), "");
      EXPECT_EQ(reply->number(), 0);
      // Other handlers do not see it either.
      const absl::StatusOr<Text> small = Echo(Script("echo small"));
      ASSERT_TRUE(small.ok()) << small.status();
      EXPECT_EQ(small->text(), "small");
      EXPECT_EQ(small->data(), "");
    }
  }
}

// custom_metadata
TEST_P(UnaryTest, MetadataBothWays) {
  const std::string bytes("\xab\x00\xff\n", 4);
  ReplyMetadata received;
  const absl::StatusOr<Text> reply =
      Echo(Script("metadata key;mirror x-bin;later one;trailers two"),
           {.metadata = {{"key", "value"}, {"x-bin", bytes}},
            .reply_metadata = &received});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "value");
  EXPECT_EQ(received.headers, (Metadata{{"x-bin", bytes}, {"initial", "one"}}));
  EXPECT_EQ(received.trailers,
            (Metadata{{"x-bin", bytes}, {"trailing", "two"}}));
}

// status_code_and_message
TEST_P(UnaryTest, StatusCodeMessageAndDetails) {
  const absl::StatusOr<Text> reply = Echo(Script("end 9 test status message"));
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(reply.status().message(), "test status message");
  EXPECT_EQ(reply.status().GetPayload("type.test/detail"),
            absl::Cord("the detail"));
}

// special_status_message
TEST_P(UnaryTest, StatusMessagesOfAllBytes) {
  const std::string message =
      "\t\ntest with whitespace\r\nand Unicode BMP \xe2\x98\xba and non-BMP "
      "\xf0\x9f\x98\x88\t\n";
  const absl::StatusOr<Text> reply = Echo(Script("end 2 " + message));
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kUnknown);
  EXPECT_EQ(reply.status().message(), message);
}

// unimplemented_method: of a service whose class does not override it
TEST_P(UnaryTest, AMethodThatIsNotThereIsUnimplemented) {
  constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;
  EXPECT_EQ(stub_->Get(Text()).status().code(), kUnimplemented);
  if (!connected()) return;
  EXPECT_EQ(stub_->GetAll(Text()).Finish().code(), kUnimplemented);
  EXPECT_EQ(stub_->PutAll().Finish().status().code(), kUnimplemented);
  EXPECT_EQ(stub_->ExchangeAll().Finish().code(), kUnimplemented);
  EXPECT_TRUE(Echo(Text()).ok());
}

// unimplemented_service
TEST_P(UnaryTest, AServiceThatIsNotThereIsUnimplemented) {
  constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;
  Server without;
  Link link(link_kind(), without);
  absl::StatusOr<Channel> channel = link.NewChannel();
  ASSERT_TRUE(channel.ok()) << channel.status();
  ASSERT_TRUE(link.Open().ok());
  ASSERT_TRUE(without.Start().ok());
  TestService::Stub stub(*channel);
  EXPECT_EQ(form().Echo(stub, Text(), {}).status().code(), kUnimplemented);
  if (!connected()) return;
  EXPECT_EQ(form().Watch(stub, Text(), {})->Finish().status().code(),
            kUnimplemented);
  EXPECT_EQ(form().Collect(stub, {})->Finish().status().code(), kUnimplemented);
  EXPECT_EQ(form().Chat(stub, {})->Finish().status().code(), kUnimplemented);
}

TEST_P(UnaryTest, MetadataComesWithAnErrorToo) {
  ReplyMetadata received;
  const absl::StatusOr<Text> reply = Echo(
      Script("later one;trailers two;end 5 no"), {.reply_metadata = &received});
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(received.headers.Get("initial"), "one");
  EXPECT_EQ(received.trailers.Get("trailing"), "two");
}

// timeout_on_sleeping_server, for a unary call
TEST_P(UnaryTest, TheDeadlineEndsBothSides) {
  GoByClock();
  ExpectEndAtDeadline();
}

TEST_P(UnaryTest, TheHandlerSeesWhetherThereIsADeadline) {
  EXPECT_EQ(Echo(Script("deadline"))->text(), "none");
  EXPECT_EQ(Echo(Script("deadline"), {.timeout = absl::Hours(1)})->text(),
            "some");
}

TEST_P(UnaryTest, ATimeoutThatIsNotPositiveFailsAtOnce) {
  EXPECT_EQ(Echo(Text(), {.timeout = absl::ZeroDuration()}).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_P(UnaryTest, CancelledBeforeTheStart) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(Echo(Text(), {.cancellation = stop.get_token()}).status().code(),
            absl::StatusCode::kCancelled);
}

TEST_P(UnaryTest, CancelledInFlight) {
  if (!connected()) GTEST_SKIP();
  std::stop_source stop;
  std::thread canceller([&] {
    seen_.AwaitWaiting(1);
    stop.request_stop();
  });
  const absl::StatusOr<Text> reply =
      Echo(Script("wait"), {.cancellation = stop.get_token()});
  canceller.join();
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kCancelled);
  seen_.AwaitCancelled(1);
}

TEST_P(UnaryTest, FailsWithoutAServer) {
  TestService::Stub stub = StubToNobody();
  EXPECT_EQ(form().Echo(stub, Text(), {}).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_P(UnaryTest, WaitsForAServerUntilTheDeadlineIfAsked) {
  TestService::Stub stub = StubToNobody();
  absl::Status status;
  client_.clock().AdvanceWhile(kTimeout, [&] {
    status =
        form()
            .Echo(stub, Text(), {.timeout = kTimeout, .wait_for_ready = true})
            .status();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("waited for the server"));
}

TEST_P(UnaryTest, WaitsForAServerThatComes) {
  Server later;
  later.AddService(*service_);
  Link link(link_kind(), later);
  absl::StatusOr<Channel> channel = link.NewChannel();
  ASSERT_TRUE(channel.ok()) << channel.status();
  TestService::Stub stub(*channel);
  std::thread starter([&] {
    ASSERT_TRUE(link.Open().ok());
    ASSERT_TRUE(later.Start().ok());
  });
  const absl::StatusOr<Text> reply =
      form().Echo(stub, Script("echo here"), {.wait_for_ready = true});
  starter.join();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "here");
}

TEST_P(UnaryTest, AServerThatGoesEndsTheCall) {
  absl::StatusOr<Text> reply;
  std::thread caller([&] { reply = Echo(Script("wait")); });
  seen_.AwaitWaiting(1);
  server_->Shutdown(absl::ZeroDuration());
  caller.join();
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kUnavailable);
  seen_.AwaitCancelled(1);
}

// The server may read the confirmation in a busy poll, or when its poller
// wakes.
TEST_P(UnaryTest, AShutdownEndsOnceTheClientHasConfirmedThatItMakesNoCalls) {
  for (int i = 0; i < 10; ++i) {
    const std::unique_ptr<Server> server = NewServer();
    server->AddService(*service_);
    std::optional<Link> link;
    ASSERT_NO_FATAL_FAILURE(Serve(*server, link));
    ASSERT_TRUE(Echo(Script("echo a")).ok());
    server->Shutdown(absl::InfiniteDuration());
    // With blocking calls nobody reads, so the server waits for a while.
    client_.clock().AdvanceWhile(absl::Milliseconds(20),
                                 [&] { server->Wait(); });
  }
}

}  // namespace
}  // namespace fdrpc::testing
