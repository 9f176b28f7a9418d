// One-way calls, for which the client receives nothing.

#include "tests/server/incoming_call_fixture.h"

namespace fdrpc::testing {
namespace {

class IncomingOneWayCallTest : public IncomingCallFixture {
 protected:
  void MakeOneWay(MonotonicTime deadline = kNoDeadline) {
    Make(MethodKind::kUnary, deadline, /*one_way=*/true,
         /*calls_one_way=*/true);
  }
  // The call has ended, and nothing was sent.
  void ExpectEnded(int errors) {
    EXPECT_TRUE(origin_->sent.empty());
    EXPECT_EQ(origin_->ended.count(kId), 1u);
    EXPECT_EQ(origin_->counters.one_way_errors, errors);
  }
};

TEST_F(IncomingOneWayCallTest, EndsWithoutAFrame) {
  MakeOneWay();
  ArriveText("hello", kFlagHalfClose);
  EXPECT_EQ(RunPosted(), 1);
  ASSERT_NE(service_->served, nullptr);
  Text request;
  EXPECT_TRUE(service_->served->TakeRequest(request).ok());
  EXPECT_EQ(request.value(), "hello");
  service_->served->context().headers().Add("key", "value");
  service_->served->context().SendHeaders();
  service_->served->Finish(absl::OkStatus(), nullptr);
  service_->served->Finish(absl::AbortedError("the first counts"), nullptr);
  EXPECT_FALSE(call_->context().IsCancelled());
  ExpectEnded(0);
  EXPECT_GT(origin_->flushes, 0) << "a server that drains waits for its end";
}

TEST_F(IncomingOneWayCallTest, AnErrorIsCountedOnce) {
  MakeOneWay();
  ArriveText("hello", kFlagHalfClose);
  RunPosted();
  service_->served->Fail(absl::AbortedError("an interceptor's"));
  service_->served->Finish(absl::DataLossError("the handler's"), nullptr);
  ExpectEnded(1);
}

TEST_F(IncomingOneWayCallTest, GoesOnWhenItsClientHasGone) {
  MakeOneWay();
  ArriveText("hello", kFlagHalfClose);
  call_->OnClientGone();
  RunPosted();
  ASSERT_NE(service_->served, nullptr);
  call_->OnClientGone(absl::UnavailableError("gone"));
  EXPECT_FALSE(call_->context().IsCancelled());
  service_->served->Finish(absl::OkStatus(), nullptr);
  ExpectEnded(0);
}

TEST_F(IncomingOneWayCallTest, IsDroppedIfItsClientGoesBeforeItIsComplete) {
  MakeOneWay();
  ArriveText("hello", kFlagMore);
  call_->OnClientGone();
  EXPECT_TRUE(nothing_posted());
  ExpectEnded(1);
}

TEST_F(IncomingOneWayCallTest, IsDroppedIfItsRequestIsImpossible) {
  MakeOneWay();
  ArriveText("hello");
  ArriveText("a second", kFlagHalfClose);
  EXPECT_TRUE(nothing_posted());
  ExpectEnded(1);
}

TEST_F(IncomingOneWayCallTest, IsNotServedOnceItsDeadlineHasPassed) {
  MakeOneWay(MonotonicTime() + std::chrono::nanoseconds(1));
  ArriveText("hello", kFlagHalfClose);
  RunPosted();
  EXPECT_EQ(service_->served, nullptr);
  ExpectEnded(1);
}

TEST_F(IncomingOneWayCallTest, WhoAsksForAReplyGetsOneWithoutFields) {
  Make(MethodKind::kUnary, kNoDeadline, /*one_way=*/true);
  ArriveText("hello", kFlagHalfClose);
  RunPosted();
  service_->served->Finish(absl::OkStatus(), nullptr);
  ExpectStatus(absl::StatusCode::kOk);
  EXPECT_EQ(origin_->header(0).flags, kFlagMessage);
  EXPECT_EQ(origin_->payload(0), "");
  EXPECT_EQ(origin_->counters.one_way_errors, 0);
}

}  // namespace
}  // namespace fdrpc::testing
