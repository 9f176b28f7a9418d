// How a writer, or a reader of messages that have arrived, notices a call's
// end, in all forms; and what follows a half-close.

#include <string>

#include "tests/calls/calls_fixture.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class StreamEndsTest : public CallsTest {
 protected:
  // Has calls go by a clock that stands still. It is not the server's, which
  // does not see the deadline pass.
  void StopClock() {
    stub_ = std::make_unique<TestService::Stub>(link_->NewChannel(still_));
  }
  void PassClientsDeadline() { still_.clock().Advance(kTimeout); }
  // After StopClock(). Writes slowly, and less than the window, until a write
  // returns false; then returns true.
  bool WritesEnd(DrivenCall& call) {
    constexpr int kMost = 10'000;  // the window holds 16,384 empty messages
    TestService::Stub other(*link_->NewChannel());
    for (int i = 0; i < kMost; ++i) {
      if (!call.Write(Text())) return true;
      still_.clock().Advance(absl::Milliseconds(1));
      // Meanwhile the server does something, if it has not gone.
      (void)other.Echo(Text());
    }
    return false;
  }

 private:
  ClockedClient still_;
};
INSTANTIATE_TEST_SUITE_P(Forms, StreamEndsTest, AllForms(), FormsName);

TEST_P(StreamEndsTest, AWriteBehindTheDeadlineIsFalse) {
  StopClock();
  auto collect = Collect({.timeout = kTimeout});
  auto chat = Chat({.timeout = kTimeout});
  PassClientsDeadline();
  for (DrivenCall* call : {collect.get(), chat.get()}) {
    EXPECT_FALSE(call->Write(Script("a")));
    EXPECT_FALSE(call->WriteLast(Script("b")));
    call->WritesDone();
    EXPECT_TRUE(absl::IsDeadlineExceeded(call->Finish().status()));
  }
}

TEST_P(StreamEndsTest, AHalfCloseBehindTheDeadlineChangesNothing) {
  StopClock();
  auto collect = Collect({.timeout = kTimeout});
  PassClientsDeadline();
  collect->WritesDone();
  EXPECT_TRUE(absl::IsDeadlineExceeded(collect->Finish().status()));
}

TEST_P(StreamEndsTest, NoReplyIsReadBehindTheDeadline) {
  StopClock();
  // The first one is read when more of them have arrived.
  auto watch = Watch("burst 100;wait", {.timeout = kTimeout});
  auto chat = Chat({.timeout = kTimeout});
  chat->Write(Script("burst 100"));
  watch->Read();
  chat->Read();
  PassClientsDeadline();
  for (DrivenCall* call : {watch.get(), chat.get()}) {
    EXPECT_FALSE(call->Read().has_value());
    EXPECT_TRUE(absl::IsDeadlineExceeded(call->Finish().status()));
  }
}

TEST_P(StreamEndsTest, WritesThatNeverWaitSeeTheServersStatus) {
  StopClock();
  auto collect = Collect();
  ASSERT_TRUE(collect->Write(Script("end 10 enough")));
  EXPECT_TRUE(WritesEnd(*collect));
  EXPECT_EQ(collect->Finish().status().message(), "enough");
  auto chat = Chat();
  ASSERT_TRUE(chat->Write(Script("end 10 enough")));
  EXPECT_TRUE(WritesEnd(*chat));
  EXPECT_EQ(chat->Finish().status().message(), "enough");
}

TEST_P(StreamEndsTest, WritesThatNeverWaitSeeTheServerGo) {
  StopClock();
  auto collect = Collect();
  auto chat = Chat();
  ASSERT_TRUE(chat->Write(Script("echo a")));
  ASSERT_TRUE(chat->Read().has_value());
  server_->Shutdown(absl::ZeroDuration());
  server_->Wait();
  EXPECT_TRUE(WritesEnd(*collect));
  EXPECT_TRUE(WritesEnd(*chat));
  EXPECT_TRUE(absl::IsUnavailable(chat->Finish().status()));
}

TEST_P(StreamEndsTest, AShutdownThatDoesNotWaitTellsItsClientsWhy) {
  constexpr char kWhy[] =
      "drain timeout (ServerOptions::drain_timeout): make it again when the "
      "server is back";
  auto watch = Watch("wait");
  auto collect = Collect();
  ASSERT_TRUE(collect->Write(Script("wait")));
  auto chat = Chat();
  ASSERT_TRUE(chat->Write(Script("wait")));
  seen_.AwaitWaiting(3);
  server_->Shutdown(absl::ZeroDuration());
  for (DrivenCall* call : {watch.get(), collect.get(), chat.get()}) {
    const absl::Status status = call->Finish().status();
    EXPECT_TRUE(absl::IsUnavailable(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr(kWhy));
  }
}

TEST_P(StreamEndsTest, FinishHalfCloses) {
  auto collect = Collect();
  ASSERT_TRUE(collect->Write(Script("a")));
  const absl::StatusOr<Text> reply = collect->Finish();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "a");
  auto chat = Chat();
  ASSERT_TRUE(chat->Write(Script("echo a")));
  EXPECT_TRUE(chat->Finish().ok());
}

TEST_P(StreamEndsTest, AWriteBehindTheHalfCloseIsFalseAndTheCallGoesOn) {
  auto collect = Collect();
  ASSERT_TRUE(collect->Write(Script("a")));
  collect->WritesDone();
  EXPECT_FALSE(collect->Write(Script("b")));
  EXPECT_FALSE(collect->WriteLast(Script("c")));
  collect->WritesDone();
  const absl::StatusOr<Text> reply = collect->Finish();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "a");

  auto chat = Chat();
  ASSERT_TRUE(chat->WriteLast(Script("echo a")));
  EXPECT_FALSE(chat->Write(Script("echo b")));
  EXPECT_EQ(chat->Read()->text(), "a");
  EXPECT_FALSE(chat->Read().has_value());
  EXPECT_TRUE(chat->Finish().ok());
  EXPECT_FALSE(chat->Write(Script("echo c")));
}

}  // namespace
}  // namespace fdrpc::testing
