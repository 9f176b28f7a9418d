// Calls with streams, in all forms. Cases of gRPC's interop descriptions
// (grpc/grpc doc/interop-test-descriptions.md) have their names in comments.

#include <stop_token>
#include <string>
#include <thread>

#include "tests/calls/calls_fixture.h"

namespace fdrpc::testing {
namespace {

class StreamsTest : public CallsTest {};
INSTANTIATE_TEST_SUITE_P(Forms, StreamsTest, AllForms(), FormsName);

// client_streaming
TEST_P(StreamsTest, RequestsAreCollected) {
  auto call = Collect();
  for (const char* text : {"a", "b", "c", "d"}) {
    EXPECT_TRUE(call->Write(Script(text)));
  }
  const absl::StatusOr<Text> reply = call->Finish();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "abcd");
  EXPECT_EQ(reply->number(), 4);
}

TEST_P(StreamsTest, TheLastRequestCanCarryTheHalfClose) {
  auto call = Collect();
  EXPECT_TRUE(call->Write(Script("a")));
  EXPECT_TRUE(call->WriteLast(Script("b")));
  const absl::StatusOr<Text> reply = call->Finish();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "ab");
}

TEST_P(StreamsTest, AStreamOfNoRequests) {
  auto call = Collect();
  const absl::StatusOr<Text> reply = call->Finish();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->number(), 0);
}

// server_streaming
TEST_P(StreamsTest, RepliesComeInOrderAndEnd) {
  auto call = Watch("big 31415;big 9;big 2653;big 58979");
  for (size_t bytes : {31415, 9, 2653, 58979}) {
    const std::optional<Text> reply = call->Read();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->data().size(), bytes);
  }
  EXPECT_FALSE(call->Read().has_value());
  EXPECT_FALSE(call->Read().has_value()) << "the end stays the end";
  EXPECT_TRUE(call->Finish().ok());
}

TEST_P(StreamsTest, AStreamOfNoReplies) {
  auto call = Watch("");
  EXPECT_FALSE(call->Read().has_value());
  EXPECT_TRUE(call->Finish().ok());
}

TEST_P(StreamsTest, MessagesOfNoBytes) {
  auto call = Watch("number 0;number 0;number 0");
  for (int i = 0; i < 3; ++i) {
    const std::optional<Text> reply = call->Read();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->ByteSizeLong(), 0u);
  }
  EXPECT_FALSE(call->Read().has_value());
  auto collect = Collect();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(collect->Write(Text()));
  EXPECT_TRUE(collect->WriteLast(Script("a")));
  EXPECT_EQ(collect->Finish()->text(), "a");
}

// ping_pong
TEST_P(StreamsTest, RequestsAndRepliesTakeTurns) {
  auto call = Chat();
  for (size_t bytes : {31415, 9, 2653, 58979}) {
    Text request = Script("big " + std::to_string(bytes));
    request.set_data(std::string(bytes / 2, 'x'));
    ASSERT_TRUE(call->Write(request));
    const std::optional<Text> reply = call->Read();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->data().size(), bytes);
  }
  call->WritesDone();
  EXPECT_FALSE(call->Read().has_value());
  EXPECT_TRUE(call->Finish().ok());
}

// empty_stream
TEST_P(StreamsTest, NeitherRequestsNorReplies) {
  auto call = Chat();
  call->WritesDone();
  EXPECT_FALSE(call->Read().has_value());
  EXPECT_TRUE(call->Finish().ok());
}

TEST_P(StreamsTest, RepliesBehindTheHalfClose) {
  auto call = Chat();
  ASSERT_TRUE(call->WriteLast(Script("burst 100")));
  for (int i = 0; i < 100; ++i) {
    const std::optional<Text> reply = call->Read();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->number(), i);
  }
  EXPECT_FALSE(call->Read().has_value());
  EXPECT_TRUE(call->Finish().ok());
}

TEST_P(StreamsTest, ManyMessagesKeepTheirOrder) {
  constexpr int kMessages = 2000;
  auto call = Chat();
  std::thread writer([&] {
    for (int i = 0; i < kMessages; ++i) {
      ASSERT_TRUE(call->Write(Script("number " + std::to_string(i))));
    }
    call->WritesDone();
  });
  for (int i = 0; i < kMessages; ++i) {
    const std::optional<Text> reply = call->Read();
    ASSERT_TRUE(reply.has_value());
    ASSERT_EQ(reply->number(), i);
  }
  EXPECT_FALSE(call->Read().has_value());
  writer.join();
  EXPECT_TRUE(call->Finish().ok());
}

TEST_P(StreamsTest, MessagesLargerThanTheWindow) {
  constexpr size_t kBytes = 1u << 20;
  auto call = Chat();
  std::thread writer([&] {
    for (int i = 0; i < 4; ++i) {
      Text request = Script("big " + std::to_string(kBytes));
      request.set_data(std::string(kBytes, 'x'));
      ASSERT_TRUE(call->Write(request));
    }
    call->WritesDone();
  });
  for (int i = 0; i < 4; ++i) {
    const std::optional<Text> reply = call->Read();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->data().size(), kBytes);
  }
  EXPECT_FALSE(call->Read().has_value());
  writer.join();
  EXPECT_TRUE(call->Finish().ok());
}

// ---- status and metadata

// status_code_and_message, for streams
TEST_P(StreamsTest, AnErrorComesBehindTheReplies) {
  auto call = Watch("echo a;echo b;end 8 no more");
  EXPECT_EQ(call->Read()->text(), "a");
  EXPECT_EQ(call->Read()->text(), "b");
  EXPECT_FALSE(call->Read().has_value());
  const absl::Status status = call->Finish().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "no more");
  EXPECT_EQ(status.GetPayload("type.test/detail"), absl::Cord("the detail"));
}

TEST_P(StreamsTest, EveryKindEndsWithItsStatus) {
  auto collect = Collect();
  EXPECT_TRUE(collect->Write(Script("end 2 collected")));
  EXPECT_EQ(collect->Finish().status().message(), "collected");
  auto chat = Chat();
  EXPECT_TRUE(chat->Write(Script("end 2 chatted")));
  EXPECT_FALSE(chat->Read().has_value());
  EXPECT_EQ(chat->Finish().status().message(), "chatted");
}

TEST_P(StreamsTest, FinishDropsWhatWasNotRead) {
  auto call = Watch("burst 10000;end 5 at the end");
  EXPECT_EQ(call->Finish().status().message(), "at the end");
}

TEST_P(StreamsTest, InitialMetadataComesBeforeTheFirstReply) {
  auto call = Chat();
  ASSERT_TRUE(call->Write(Script("headers early")));
  EXPECT_EQ(call->Headers().Get("initial"), "early");
  ASSERT_TRUE(call->Write(Script("echo after")));
  EXPECT_EQ(call->Read()->text(), "after");
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
}

TEST_P(StreamsTest, InitialMetadataComesWithTheFirstReply) {
  auto call = Watch("later with it;echo a;trailers end");
  EXPECT_EQ(call->Headers().Get("initial"), "with it");
  EXPECT_EQ(call->Read()->text(), "a");
  EXPECT_TRUE(call->Finish().ok());
  EXPECT_EQ(call->Trailers().Get("trailing"), "end");
}

TEST_P(StreamsTest, InitialMetadataComesWithTheStatusIfNothingElseDoes) {
  auto call = Watch("later at last;trailers end;end 3 no");
  EXPECT_EQ(call->Headers().Get("initial"), "at last");
  EXPECT_EQ(call->Finish().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(call->Trailers().Get("trailing"), "end");
}

// custom_metadata, for streams
TEST_P(StreamsTest, MetadataBothWays) {
  const std::string bytes("\x00\xab\xff", 3);
  auto call = Chat({.metadata = {{"key", "value"}, {"x-bin", bytes}}});
  ASSERT_TRUE(call->Write(Script("mirror x-bin;metadata key")));
  EXPECT_EQ(call->Headers(), (Metadata{{"x-bin", bytes}}));
  EXPECT_EQ(call->Read()->text(), "value");
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
  EXPECT_EQ(call->Trailers(), (Metadata{{"x-bin", bytes}}));
}

TEST_P(StreamsTest, TheServerMayEndBeforeTheHalfClose) {
  auto call = Chat();
  ASSERT_TRUE(call->Write(Script("echo a;end 0")));
  EXPECT_EQ(call->Read()->text(), "a");
  EXPECT_FALSE(call->Read().has_value());
  const absl::StatusOr<Text> end = call->Finish();
  EXPECT_TRUE(end.ok()) << end.status();
}

TEST_P(StreamsTest, WritesFailOnceTheServerHasEnded) {
  auto call = Collect();
  ASSERT_TRUE(call->Write(Script("end 10 enough")));
  while (call->Write(Script("more"))) {
  }
  const absl::Status status = call->Finish().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "enough");
}

// ---- cancelling and deadlines

TEST_P(StreamsTest, CancelledBeforeTheStart) {
  std::stop_source stop;
  stop.request_stop();
  const CallOptions options = {.cancellation = stop.get_token()};
  constexpr auto kCancelled = absl::StatusCode::kCancelled;
  EXPECT_EQ(Watch("echo a", options)->Finish().status().code(), kCancelled);
  EXPECT_EQ(Collect(options)->Finish().status().code(), kCancelled);
  EXPECT_EQ(Chat(options)->Finish().status().code(), kCancelled);
}

TEST_P(StreamsTest, CancelledByAToken) {
  std::stop_source stop;
  auto call = Watch("wait", {.cancellation = stop.get_token()});
  seen_.AwaitWaiting(1);
  stop.request_stop();
  EXPECT_EQ(call->Finish().status().code(), absl::StatusCode::kCancelled);
  seen_.AwaitCancelled(1);
}

// cancel_after_begin
TEST_P(StreamsTest, CancelledAfterTheBeginning) {
  auto call = Collect();
  call->Cancel();
  EXPECT_EQ(call->Finish().status().code(), absl::StatusCode::kCancelled);
}

// cancel_after_first_response
TEST_P(StreamsTest, CancelledAfterTheFirstReply) {
  auto call = Chat();
  ASSERT_TRUE(call->Write(Script("echo a")));
  EXPECT_EQ(call->Read()->text(), "a");
  call->Cancel();
  EXPECT_FALSE(call->Read().has_value());
  EXPECT_FALSE(call->Write(Script("echo b")));
  EXPECT_EQ(call->Finish().status().code(), absl::StatusCode::kCancelled);
  seen_.AwaitCancelled(1);
}

TEST_P(StreamsTest, CancellingReachesAHandlerThatWaits) {
  auto watch = Watch("wait");
  seen_.AwaitWaiting(1);
  watch->Cancel();
  EXPECT_EQ(watch->Finish().status().code(), absl::StatusCode::kCancelled);
  seen_.AwaitCancelled(1);
}

TEST_P(StreamsTest, CancellingReachesAHandlerThatReads) {
  auto collect = Collect();
  ASSERT_TRUE(collect->Write(Script("headers reading")));
  EXPECT_EQ(collect->Headers().Get("initial"), "reading");
  collect->Cancel();
  EXPECT_EQ(collect->Finish().status().code(), absl::StatusCode::kCancelled);
  seen_.AwaitCancelled(1);
}

TEST_P(StreamsTest, CancellingReachesAHandlerThatIsBlockedInAWrite) {
  auto call = Watch("burst 1000000");
  ASSERT_TRUE(call->Read().has_value());
  call->Cancel();
  EXPECT_EQ(call->Finish().status().code(), absl::StatusCode::kCancelled);
  seen_.AwaitCancelled(1);
}

TEST_P(StreamsTest, CancellingEndsAWriteThatIsBlocked) {
  auto call = Collect();
  ASSERT_TRUE(call->Write(Script("wait")));
  seen_.AwaitWaiting(1);
  Text large;
  large.set_data(std::string(64u << 10, 'x'));
  std::thread canceller([&] {
    // When the window is full; otherwise it is cancelled before that.
    call->Cancel();
  });
  while (call->Write(large)) {
  }
  canceller.join();
  EXPECT_EQ(call->Finish().status().code(), absl::StatusCode::kCancelled);
  seen_.AwaitCancelled(1);
}

TEST_P(StreamsTest, LettingGoOfAStreamCancelsIt) {
  Watch("wait").reset();
  auto collect = Collect();
  ASSERT_TRUE(collect->Write(Script("headers reading")));
  EXPECT_EQ(collect->Headers().Get("initial"), "reading");
  collect.reset();
  seen_.AwaitCancelled(1);
  EXPECT_TRUE(Echo(Text()).ok());
}

// timeout_on_sleeping_server
TEST_P(StreamsTest, TheDeadlineEndsEveryKind) {
  GoByClock();
  ExpectEndAtDeadline();
  const CallOptions options = {.timeout = kTimeout};
  {
    const std::jthread passes = PassDeadlineOfNextWait();
    EXPECT_TRUE(
        absl::IsDeadlineExceeded(Watch("wait", options)->Finish().status()));
  }
  const std::jthread passes = PassDeadlineOfNextWait();
  auto collect = Collect(options);
  EXPECT_TRUE(collect->Write(Script("wait")));
  EXPECT_TRUE(absl::IsDeadlineExceeded(collect->Finish().status()));
  seen_.AwaitCancelled(4);
}

TEST_P(StreamsTest, AServerThatGoesEndsTheStream) {
  auto call = Chat();
  ASSERT_TRUE(call->Write(Script("echo a")));
  EXPECT_EQ(call->Read()->text(), "a");
  server_->Shutdown(absl::ZeroDuration());
  EXPECT_FALSE(call->Read().has_value());
  EXPECT_EQ(call->Finish().status().code(), absl::StatusCode::kUnavailable);
  seen_.AwaitCancelled(1);
}

TEST_P(StreamsTest, AShutdownLetsStreamsInProgressEnd) {
  auto call = Chat();
  ASSERT_TRUE(call->Write(Script("echo a")));
  EXPECT_EQ(call->Read()->text(), "a");
  server_->Shutdown();
  ASSERT_TRUE(call->Write(Script("echo b")));
  EXPECT_EQ(call->Read()->text(), "b");
  call->WritesDone();
  EXPECT_TRUE(call->Finish().ok());
}

}  // namespace
}  // namespace fdrpc::testing
