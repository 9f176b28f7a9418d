// How a connection drains, step by step. The server and the client's side of
// the connection belong to the test, which decides what happens between the
// steps.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/server_connection.h"
#include "tests/server/connection_parts.h"
#include "tests/server/incoming_call_fixture.h"
#include "tests/transport/frames.h"
#include "tests/transport/transport_pairs.h"
#include "transport/transport.h"
#include "wire/limits.h"

namespace fdrpc::testing {
namespace {

// ---- the server
class FakeHost final : public ServerConnection::Host {
 public:
  bool wants_to_read = true;

 private:
  void OnRequestIncomplete(ServerConnection&) override {}
  void OnInterestChanged(ServerConnection& connection) override {
    wants_to_read = connection.interest().readable;
  }
  void OnConnectionClosed(ServerConnection&) override {}
  void OnRingsBegun(ServerConnection&) override {}
};

// The server's side as it is, except for what the test does just before the
// server shuts the client out.
class WatchedTransport final : public Transport {
 public:
  WatchedTransport(std::unique_ptr<Transport> transport,
                   std::function<void()>& before_shut_out)
      : transport_(std::move(transport)), before_shut_out_(before_shut_out) {}

  SendResult Send(absl::Span<const FrameToSend> frames) override {
    return transport_->Send(frames);
  }
  ReceiveResult Receive() override { return transport_->Receive(); }
  NextResult Next(IncomingFrame& frame) override {
    return transport_->Next(frame);
  }
  std::optional<uint64_t> PartialFrame() const override {
    return transport_->PartialFrame();
  }
  void ReleaseIdleMemory() override { transport_->ReleaseIdleMemory(); }
  int pollable_fd() const override { return transport_->pollable_fd(); }
  bool PrepareToSleep() override { return transport_->PrepareToSleep(); }
  bool MayReceive() override { return transport_->MayReceive(); }
  void ShutdownReceive() override {
    if (before_shut_out_) std::exchange(before_shut_out_, {})();
    transport_->ShutdownReceive();
  }
  void Shutdown() override { transport_->Shutdown(); }

 private:
  std::unique_ptr<Transport> transport_;
  std::function<void()>& before_shut_out_;
};

class ServerDrainTest : public ::testing::TestWithParam<TransportKind> {
 protected:
  static constexpr MonotonicTime kLater = kNoDeadline - std::chrono::seconds(1);

  ServerDrainTest() {
    auto [server_end, client_end] = GetParam().make();
    client_ = std::move(client_end);
    parts_.registry.Add(unary_);
    connection_ =
        ServerConnection::Create(std::make_unique<WatchedTransport>(
                                     std::move(server_end), before_shut_out_),
                                 {}, parts_.Admit(), parts_.shared(), host_);
    connection_->Start();
    Send(BuildHello({}));
    Send(BuildMethod(1, "test.Keeping/Call"));
    Read();
    EXPECT_EQ(ReceiveAll(*client_).frames.size(), 1u);
  }
  ~ServerDrainTest() override {
    unary_.served.reset();
    connection_->Close(absl::CancelledError("the test is over"));
  }

  void Send(OutgoingFrame frame) {
    std::vector<OutgoingFrame> frames;
    frames.push_back(std::move(frame));
    SendOnce(*client_, frames);
  }
  // Everything that has arrived, as far as the server reads; one read may take
  // a part.
  void Read() {
    Reactor::Source& source = *connection_;
    while (host_->wants_to_read && (!source.PrepareToSleep() ||
                                    IsReadable(connection_->pollable_fd()))) {
      connection_->OnReadable();
    }
  }
  // Whether it was sent.
  bool SendCall(uint32_t id, DescriptorSet descriptors = {},
                uint8_t flags = kFlagMessage | kFlagHalfClose) {
    std::vector<OutgoingFrame> frames;
    frames.push_back(NewFrame(id, "", std::move(descriptors),
                              static_cast<uint8_t>(FrameType::kOpen)));
    frames[0].head[9] = static_cast<char>(flags);
    frames[0].head[12] = 1;
    return SendOnce(*client_, frames).sent == 1;
  }
  void ServeOne() {
    parts_.executor.RunNext();
    ASSERT_NE(unary_.served, nullptr);
    const Text reply;
    const OutgoingMessage message(reply);
    std::exchange(unary_.served, nullptr)->Finish(absl::OkStatus(), &message);
  }
  // The client's time to confirm is over. It sends after the server has seen
  // that nothing has arrived, and before the server shuts it out.
  void AdvanceWhileTheClientSends(std::function<void()> send) {
    before_shut_out_ = std::move(send);
    EXPECT_FALSE(connection_->AdvanceDrain(kLater));
    EXPECT_FALSE(before_shut_out_) << "it was not shut out";
  }
  // What the client receives next: "go-away 7", "ping", "status 7".
  std::vector<std::string> Received() {
    std::vector<std::string> names;
    for (const ReceivedFrame& frame : ReceiveAll(*client_).frames) {
      const auto argument = std::to_string(frame.header.argument);
      switch (static_cast<FrameType>(frame.header.type)) {
        case FrameType::kGoAway:
          names.push_back("go-away " + argument);
          break;
        case FrameType::kPing:
          names.push_back("ping");
          break;
        case FrameType::kStatus:
          names.push_back("status " + std::to_string(frame.header.call_id));
          break;
        default:
          names.push_back("?");
      }
    }
    return names;
  }

  ExpectSameDescriptors census_;
  ConnectionParts parts_;
  KeepingService unary_{MethodKind::kUnary};
  std::shared_ptr<FakeHost> host_ = std::make_shared<FakeHost>();
  std::unique_ptr<Transport> client_;
  std::function<void()> before_shut_out_;
  std::shared_ptr<ServerConnection> connection_;
};

INSTANTIATE_TEST_SUITE_P(Transports, ServerDrainTest, kAllTransports,
                         TransportName);

using ::testing::ElementsAre;

TEST_P(ServerDrainTest, AsksForNoNewCallsAndWaitsForTheAnswer) {
  connection_->Drain();
  EXPECT_THAT(Received(), ElementsAre("go-away 4294967295", "ping"));
  EXPECT_FALSE(connection_->AdvanceDrain(Clock::Real().Now()));
  EXPECT_NE(connection_->next_drain_step(), kNoDeadline);
  Send(BuildControl(FrameType::kPong, 0));
  Read();
  EXPECT_TRUE(connection_->AdvanceDrain(Clock::Real().Now()));
  EXPECT_THAT(Received(), ElementsAre("go-away 0"));
}

TEST_P(ServerDrainTest, ServesWhatTheClientSentBeforeItKnew) {
  connection_->Drain();
  EXPECT_TRUE(SendCall(1, NumberedFiles(3)));
  Send(BuildControl(FrameType::kPong, 0));
  Read();
  EXPECT_FALSE(connection_->AdvanceDrain(Clock::Real().Now()));
  ServeOne();
  EXPECT_TRUE(connection_->AdvanceDrain(Clock::Real().Now()));
  EXPECT_THAT(Received(), ElementsAre("go-away 4294967295", "ping", "go-away 1",
                                      "status 1"));
}

TEST_P(ServerDrainTest, TakesNoCallBehindTheAnswer) {
  connection_->Drain();
  Send(BuildControl(FrameType::kPong, 0));
  Read();
  EXPECT_TRUE(connection_->AdvanceDrain(Clock::Real().Now()));
  EXPECT_TRUE(SendCall(1, NumberedFiles(1)));
  Read();
  parts_.executor.RunNext();
  EXPECT_EQ(unary_.served, nullptr);
  EXPECT_FALSE(connection_->closed());
}

TEST_P(ServerDrainTest, ShutsOutAClientThatReadsNothingAndLosesNoCallOfIt) {
  connection_->Drain();
  AdvanceWhileTheClientSends([this] {
    EXPECT_TRUE(SendCall(1, NumberedFiles(1)));
    EXPECT_TRUE(SendCall(2));
  });
  EXPECT_FALSE(host_->wants_to_read);
  EXPECT_FALSE(SendCall(3, NumberedFiles(1))) << "the client keeps it";
  ServeOne();
  EXPECT_FALSE(connection_->AdvanceDrain(kLater));
  ServeOne();
  EXPECT_TRUE(connection_->AdvanceDrain(kLater));
  EXPECT_THAT(Received(), ElementsAre("go-away 4294967295", "ping", "go-away 2",
                                      "status 1", "status 2"));
}

TEST_P(ServerDrainTest, LeavesWhatCannotBeServedWithoutReadingToTheNextServer) {
  connection_->Drain();
  AdvanceWhileTheClientSends([this] {
    EXPECT_TRUE(SendCall(1));
    EXPECT_TRUE(SendCall(2, {}, kFlagMessage | kFlagMore));
    EXPECT_TRUE(SendCall(3));
  });
  ServeOne();
  parts_.executor.RunNext();
  EXPECT_EQ(unary_.served, nullptr);
  EXPECT_TRUE(connection_->AdvanceDrain(kLater));
  EXPECT_THAT(Received(), ElementsAre("go-away 4294967295", "ping", "go-away 1",
                                      "status 1"));
}

TEST_P(ServerDrainTest, ReadsWhatHasComeBeforeItShutsTheClientOut) {
  connection_->Drain();
  // The server has not looked since then, and the rest of the second call is
  // still to come.
  EXPECT_TRUE(SendCall(1));
  EXPECT_TRUE(SendCall(2, {}, kFlagMessage | kFlagMore));
  for (int looks = 0; looks < 3; ++looks) {
    EXPECT_FALSE(connection_->AdvanceDrain(kLater));
  }
  EXPECT_TRUE(host_->wants_to_read);
  OutgoingFrame rest = NewFrame(2);
  rest.head[9] = static_cast<char>(kFlagMessage | kFlagHalfClose);
  Send(std::move(rest));
  Read();
  ServeOne();
  ServeOne();
  EXPECT_THAT(Received(), ElementsAre("go-away 4294967295", "ping", "status 1",
                                      "status 2"));
}

TEST_P(ServerDrainTest, DoesNotShutOutAClientWithACallInProgress) {
  EXPECT_TRUE(SendCall(1));
  Read();
  connection_->Drain();
  EXPECT_FALSE(connection_->AdvanceDrain(kLater));
  EXPECT_TRUE(host_->wants_to_read);
  EXPECT_EQ(connection_->next_drain_step(), kNoDeadline);
  EXPECT_TRUE(SendCall(2));
  Read();
  ServeOne();
  ServeOne();
  EXPECT_FALSE(connection_->AdvanceDrain(kLater))
      << "it has some time since its last call";
  EXPECT_TRUE(
      connection_->AdvanceDrain(kLater + std::chrono::milliseconds(500)));
}

TEST_P(ServerDrainTest, DrainsOnce) {
  connection_->Drain();
  connection_->Drain();
  EXPECT_THAT(Received(), ElementsAre("go-away 4294967295", "ping"));
}

}  // namespace
}  // namespace fdrpc::testing
