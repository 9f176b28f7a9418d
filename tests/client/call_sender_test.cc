#include "client/call_sender.h"

#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/scripted_connection.h"
#include "tests/support/manual_clock.h"
#include "tests/support/test_service.h"

namespace fdrpc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CallSenderTest : public ::testing::Test {
 protected:
  static constexpr Method kUnary = {.full_name = "p.S/Unary"};
  static constexpr Method kStream = {.full_name = "p.S/Stream",
                                     .kind = MethodKind::kClientStreaming};

  CallSenderTest()
      : writer_(std::make_shared<BatchedWriter>(peers_.connection())) {
    writer_->SetSelf(writer_);
    peers_.Handshake();
  }
  void ServerSaysHello(uint32_t max_message_bytes) {
    server_.OnHello({.max_message_bytes = max_message_bytes});
  }
  std::unique_ptr<PendingCall> NewCall(const Method& method,
                                       size_t request_bytes = 0) {
    auto call = std::make_unique<PendingCall>(
        method, kNoDeadline, MessageLimits{.bytes = 1, .descriptors = 0},
        Credit{});
    testing::Text request;
    constexpr size_t kOverhead = 4;  // the tag and the length
    if (request_bytes > 0) {
      request.set_data(std::string(request_bytes - kOverhead, 'x'));
      EXPECT_EQ(request.ByteSizeLong(), request_bytes);
    }
    const OutgoingMessage message(request);
    EXPECT_TRUE(
        call->request
            .Prepare(method, method.streams_requests() ? nullptr : &message,
                     /*borrow=*/false, /*has_timeout=*/false, {}, call->open)
            .ok());
    calls_.Add(*call);
    return call;
  }
  // A call whose beginning the server has received.
  std::unique_ptr<PendingCall> Begun(const Method& method) {
    std::unique_ptr<PendingCall> call = NewCall(method);
    {
      ChannelLock lock(mutex_);
      EXPECT_TRUE(sender_.SendOpen(*call, lock));
    }
    peers_.PeerReceives();
    return call;
  }
  static OutgoingFrames Message(size_t bytes) {
    testing::Text message;
    message.set_data(std::string(bytes, 'x'));
    return BuildMessage(0, message, {}, false);
  }

  testing::ScriptedConnection peers_;
  testing::ManualClock clock_;
  ChannelMutex mutex_;
  ServerTerms server_;
  PendingCalls calls_;
  std::shared_ptr<BatchedWriter> writer_;
  CallSender sender_{peers_.connection(), *writer_, server_, calls_, clock_};
};

TEST_F(CallSenderTest, NamesAMethodOnce) {
  const auto first = NewCall(kUnary);
  const auto second = NewCall(kUnary);
  {
    ChannelLock lock(mutex_);
    EXPECT_TRUE(sender_.SendOpen(*first, lock));
    EXPECT_TRUE(sender_.SendOpen(*second, lock));
    EXPECT_EQ(peers_.PeerReceives(), 0u) << "the lock is held";
  }
  EXPECT_EQ(first->id, 1u);
  EXPECT_EQ(second->id, 2u);
  EXPECT_THAT(
      peers_.PeerReceivesTypes(),
      ElementsAre(FrameType::kMethod, FrameType::kOpen, FrameType::kOpen));
}

TEST_F(CallSenderTest, WhatNotEveryServerTakesWaitsForTheHello) {
  const auto small = NewCall(kUnary, kGuaranteedMessageBytes);
  const auto large = NewCall(kUnary, kGuaranteedMessageBytes + 1);
  ChannelLock lock(mutex_);
  EXPECT_TRUE(sender_.CanGo(*small));
  EXPECT_FALSE(sender_.CanGo(*large));
  ServerSaysHello(kGuaranteedMessageBytes);
  EXPECT_TRUE(sender_.CanGo(*large)) << "to be refused";
}

TEST_F(CallSenderTest, SendsNoMoreOnceTheServerHasGone) {
  const auto call = NewCall(kUnary);
  peers_.PeerGoes();
  while (peers_.connection().Read()) {
  }
  ChannelLock lock(mutex_);
  EXPECT_FALSE(sender_.SendOpen(*call, lock));
  EXPECT_FALSE(call->open.empty()) << "for another connection";
}

TEST_F(CallSenderTest, AMessageGoesAtOnceIfTheServersCreditAllows) {
  const auto call = Begun(kStream);
  ChannelLock lock(mutex_);
  OutgoingFrames frames = Message(100);
  call->state.Send(kGuaranteedCreditBytes, 0, false);
  EXPECT_TRUE(sender_.SendWaiting(*call, frames, lock).ok());
  EXPECT_TRUE(call->state.has_room());
  EXPECT_TRUE(call->state.sent_behind_open());
  frames = Message(100);
  call->state.Send(100, 0, false);
  EXPECT_TRUE(sender_.SendWaiting(*call, frames, lock).ok());
  EXPECT_FALSE(call->state.has_room()) << "the credit is spent";
  EXPECT_EQ(frames.size(), 1u) << "the caller's to keep";
  writer_->FlushLater(lock);
  lock.Unlock();
  EXPECT_THAT(peers_.PeerReceivesTypes(), ElementsAre(FrameType::kMessage));
}

TEST_F(CallSenderTest, WhatWaitsIsSentWithTheHalfCloseBehindIt) {
  const auto call = Begun(kStream);
  ServerSaysHello(kGuaranteedMessageBytes);
  ChannelLock lock(mutex_);
  call->state.OnUnseen();
  call->state.OnOpened({});
  call->message = Message(100);
  call->state.Send(100, 0, false);
  EXPECT_TRUE(call->state.HalfClose());
  EXPECT_TRUE(sender_.SendWaiting(*call, call->message, lock).ok());
  EXPECT_FALSE(call->state.has_room()) << "there is no credit";
  EXPECT_TRUE(call->state.OnCredit({.bytes = 100}));
  EXPECT_TRUE(sender_.SendWaiting(*call, call->message, lock).ok());
  writer_->FlushLater(lock);
  lock.Unlock();
  EXPECT_THAT(peers_.PeerReceivesTypes(),
              ElementsAre(FrameType::kMessage, FrameType::kMessage));
}

TEST_F(CallSenderTest, AMessageThatTheServerDoesNotTakeIsRefused) {
  const auto call = Begun(kStream);
  ChannelLock lock(mutex_);
  call->message = Message(100);
  call->state.Send(kGuaranteedMessageBytes + 1, 0, false);
  EXPECT_TRUE(sender_.SendWaiting(*call, call->message, lock).ok())
      << "it may take more";
  EXPECT_FALSE(call->state.has_room());
  ServerSaysHello(kGuaranteedMessageBytes);
  EXPECT_TRUE(absl::IsResourceExhausted(
      sender_.SendWaiting(*call, call->message, lock)));
}

TEST_F(CallSenderTest, TheServerHearsOfTheEndOfACallThatItHasSeen) {
  const auto call = Begun(kUnary);
  {
    ChannelLock lock(mutex_);
    sender_.Cancel(*call, lock);
  }
  EXPECT_THAT(peers_.PeerReceivesTypes(), ElementsAre(FrameType::kCancel));
}

TEST_F(CallSenderTest, ACallThatIsQueuedStillIsTakenBack) {
  const auto first = Begun(kUnary);  // the method has its id
  const auto call = NewCall(kUnary);
  {
    ChannelLock lock(mutex_);
    EXPECT_TRUE(sender_.SendOpen(*call, lock));
    sender_.Cancel(*call, lock);
  }
  EXPECT_THAT(peers_.PeerReceivesTypes(), IsEmpty());
}

TEST_F(CallSenderTest, CreditIsGrantedWhileTheCallLasts) {
  const auto call = Begun(kUnary);
  {
    ChannelLock lock(mutex_);
    sender_.Grant(*call, {}, lock);
    EXPECT_FALSE(lock.has_deferred());
    sender_.Grant(*call, {.bytes = 5}, lock);
  }
  EXPECT_THAT(peers_.PeerReceivesTypes(), ElementsAre(FrameType::kCredit));
  call->state.End();
  ChannelLock lock(mutex_);
  sender_.Grant(*call, {.bytes = 5}, lock);
  EXPECT_FALSE(lock.has_deferred());
}

}  // namespace
}  // namespace fdrpc
