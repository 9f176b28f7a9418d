// What a stream transport sends when there is little room, or none, or the
// kernel refuses.

#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/transport/frames.h"
#include "transport/stream_transport.h"
#include "wire/limits.h"

namespace fdrpc::testing {
namespace {

using SendOutcome = Transport::SendResult::Outcome;

class StreamSendingTest : public ::testing::Test {
 protected:
  StreamSendingTest() {
    auto [a, b] = SocketPair();
    from_ = std::make_unique<StreamTransport>(std::move(a));
    to_ = std::make_unique<StreamTransport>(std::move(b));
  }
  Transport::SendResult Send() { return SendOnce(*from_, frames_); }
  void DropSent(const Transport::SendResult& result) {
    frames_.erase(frames_.begin(),
                  frames_.begin() + static_cast<long>(result.sent));
  }
  Received SendAndReceive() { return SendAndReceiveAll(*from_, *to_, frames_); }

  ExpectSameDescriptors census_;
  std::unique_ptr<StreamTransport> from_;
  std::unique_ptr<StreamTransport> to_;
  std::vector<OutgoingFrame> frames_;
};

FaultInjection::Plan FirstSendFails(int error) {
  return [error](std::string_view name, size_t index) {
    return FaultInjection::Fault{
        .error = name == "sendmsg" && index == 0 ? error : 0};
  };
}

TEST_F(StreamSendingTest, SendsManyPlainFramesWithOneSystemCall) {
  for (uint32_t i = 0; i < 64; ++i) {
    frames_.push_back(i % 2 == 0 ? NewFrame(i, "x") : NewFrameWithBody(i, "y"));
  }
  FaultInjection faults([](auto, auto) { return FaultInjection::Fault{}; });
  EXPECT_EQ(Send().sent, 64u);
  EXPECT_EQ(faults.CountOf("sendmsg"), 1u);
  EXPECT_EQ(ReceiveAll(*to_).frames.size(), 64u);
}

TEST_F(StreamSendingTest, SendsMoreFramesThanOneSystemCallTakes) {
  for (uint32_t i = 0; i < 1000; ++i) frames_.push_back(NewFrame(i, ""));
  FaultInjection faults([](auto, auto) { return FaultInjection::Fault{}; });
  const Received received = SendAndReceive();
  EXPECT_LE(faults.CountOf("sendmsg"), 1000u / 64 + 1);
  ASSERT_EQ(received.frames.size(), 1000u);
  for (uint32_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(received.frames[i].header.call_id, i);
  }
}

TEST_F(StreamSendingTest, AFrameWithDescriptorsStartsItsOwnSystemCall) {
  frames_.push_back(NewFrame(1, "plain"));
  frames_.push_back(NewFrame(2, "with", NumberedFiles(1)));
  frames_.push_back(NewFrame(3, "plain"));
  frames_.push_back(NewFrame(4, "plain"));
  frames_.push_back(NewFrame(5, "with", NumberedFiles(2)));
  FaultInjection faults([](auto, auto) { return FaultInjection::Fault{}; });
  EXPECT_EQ(Send().sent, 5u);
  EXPECT_EQ(faults.CountOf("sendmsg"), 3u)
      << "plain frames go with those before them";
  EXPECT_EQ(ReceiveAll(*to_).descriptors(), 3u);
}

TEST_F(StreamSendingTest, ALargeFramesDescriptorsAreSentExactlyOnce) {
  const int bytes = 4096;
  ASSERT_EQ(setsockopt(from_->pollable_fd(), SOL_SOCKET, SO_SNDBUF, &bytes,
                       sizeof(bytes)),
            0);
  const SharedFd shared{FileWith("x")};
  DescriptorSet set;
  for (int i = 0; i < 3; ++i) set.push_back(shared);
  const std::string payload(kMaxFramePayloadBytes, 'x');
  frames_.push_back(NewFrameWithBody(1, payload, std::move(set)));
  frames_.push_back(NewFrame(2, "next", NumberedFiles(1)));

  const Transport::SendResult first = Send();
  EXPECT_EQ(first.outcome, SendOutcome::kWouldBlock);
  EXPECT_TRUE(first.next_partly_sent);
  EXPECT_TRUE(DescriptorsOf(frames_[0]).empty()) << "gone with the first byte";
  FaultInjection faults([](auto, auto) { return FaultInjection::Fault{}; });
  const Received received = SendAndReceive();
  EXPECT_GT(faults.CountOf("sendmsg"), 10u);
  ASSERT_EQ(received.frames.size(), 2u) << received.malformed;
  EXPECT_EQ(received.frames[0].payload, payload);
  ASSERT_EQ(received.frames[0].descriptors.size(), 3u);
  EXPECT_TRUE(
      SameDescription(received.frames[0].descriptors[2].get(), shared.get()));
  EXPECT_EQ(received.frames[1].descriptors.size(), 1u);
}

TEST_F(StreamSendingTest, DescriptorsAreKeptUntilTheFirstByteGoes) {
  frames_.push_back(NewFrame(1, "x", NumberedFiles(2)));
  {
    FaultInjection faults(FirstSendFails(EAGAIN));
    const Transport::SendResult result = Send();
    EXPECT_EQ(result.outcome, SendOutcome::kWouldBlock);
    EXPECT_EQ(result.sent, 0u);
    EXPECT_FALSE(result.next_partly_sent);
  }
  EXPECT_EQ(DescriptorsOf(frames_[0]).size(), 2u);
  const Received received = SendAndReceive();
  ASSERT_EQ(received.frames.size(), 1u);
  EXPECT_TRUE(AreNumberedFiles(received.frames[0].descriptors));
  EXPECT_EQ(received.frames[0].descriptors.size(), 2u);
}

TEST_F(StreamSendingTest, AByteAtATimeArrivesWhole) {
  frames_.push_back(NewFrame(1, "plain"));
  frames_.push_back(NewFrame(2, "first", NumberedFiles(2)));
  frames_.push_back(NewFrameWithBody(3, "second", NumberedFiles(3)));
  frames_.push_back(NewFrame(4, "", NumberedFiles(1)));
  frames_.push_back(NewFrame(5, "plain"));
  FaultInjection faults([](std::string_view, size_t) {
    return FaultInjection::Fault{.most_bytes = 1};
  });
  const Received received = SendAndReceive();
  ASSERT_EQ(received.frames.size(), 5u) << received.malformed;
  const size_t counts[] = {0, 2, 3, 1, 0};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(received.frames[i].descriptors.size(), counts[i]);
    EXPECT_TRUE(AreNumberedFiles(received.frames[i].descriptors));
  }
  EXPECT_EQ(received.frames[2].payload, "second");
}

TEST_F(StreamSendingTest, ShortSendsOfEverySizeArriveWhole) {
  for (size_t most = 2; most < 70; ++most) {
    frames_.clear();
    frames_.push_back(NewFrameWithBody(1, "first", NumberedFiles(1)));
    frames_.push_back(NewFrame(2, "second"));
    frames_.push_back(NewFrameWithBody(3, "third"));
    FaultInjection faults([most](std::string_view name, size_t) {
      return FaultInjection::Fault{.most_bytes = name == "sendmsg" ? most : 0};
    });
    const Received received = SendAndReceive();
    ASSERT_EQ(received.frames.size(), 3u) << most << received.malformed;
    EXPECT_EQ(received.frames[0].payload, "first");
    EXPECT_EQ(received.frames[1].payload, "second");
    EXPECT_EQ(received.frames[2].payload, "third");
    EXPECT_EQ(received.descriptors(), 1u);
  }
}

TEST_F(StreamSendingTest, SaysHowFarItGot) {
  frames_.push_back(NewFrame(1, "12345"));  // 21 bytes
  frames_.push_back(NewFrame(2, ""));
  struct Case {
    size_t most;
    size_t sent;
    bool partly;
  };
  FaultInjection faults([](std::string_view, size_t index) {
    const size_t most[] = {20, 1, 16};
    return FaultInjection::Fault{.most_bytes = index < 3 ? most[index] : 0};
  });
  Transport::SendResult result = Send();
  EXPECT_EQ(result.sent, 0u);
  EXPECT_TRUE(result.next_partly_sent);
  EXPECT_EQ(result.outcome, SendOutcome::kWouldBlock);
  result = Send();
  EXPECT_EQ(result.sent, 1u);
  EXPECT_FALSE(result.next_partly_sent);
  DropSent(result);
  result = Send();
  EXPECT_EQ(result.sent, 1u);
  EXPECT_EQ(result.outcome, SendOutcome::kSent);
}

struct Refusal {
  const char* name;
  int error;
  absl::StatusCode code;
};

class StreamRefusalTest : public StreamSendingTest,
                          public ::testing::WithParamInterface<Refusal> {};

INSTANTIATE_TEST_SUITE_P(
    Errors, StreamRefusalTest,
    ::testing::Values(
        Refusal{"EBADF", EBADF, absl::StatusCode::kInvalidArgument},
        Refusal{"EPERM", EPERM, absl::StatusCode::kInvalidArgument},
        Refusal{"EACCES", EACCES, absl::StatusCode::kInvalidArgument},
        Refusal{"EINVAL", EINVAL, absl::StatusCode::kInvalidArgument},
        Refusal{"ETOOMANYREFS", ETOOMANYREFS,
                absl::StatusCode::kResourceExhausted},
        Refusal{"ENOMEM", ENOMEM, absl::StatusCode::kResourceExhausted},
        Refusal{"ENOBUFS", ENOBUFS, absl::StatusCode::kResourceExhausted}),
    [](const auto& info) { return info.param.name; });

TEST_P(StreamRefusalTest, ConcernsTheFrameAndLeavesTheConnectionUsable) {
  frames_.push_back(NewFrame(1, "refused", NumberedFiles(2)));
  frames_.push_back(NewFrame(2, "next", NumberedFiles(1)));
  {
    FaultInjection faults(FirstSendFails(GetParam().error));
    const Transport::SendResult result = Send();
    EXPECT_EQ(result.outcome, SendOutcome::kRefused);
    EXPECT_EQ(result.error.code(), GetParam().code) << result.error;
    EXPECT_EQ(result.sent, 0u);
    EXPECT_FALSE(result.next_partly_sent);
  }
  EXPECT_EQ(DescriptorsOf(frames_[0]).size(), 2u) << "still the frame's";
  frames_.erase(frames_.begin());
  const Received received = SendAndReceive();
  ASSERT_EQ(received.frames.size(), 1u);
  EXPECT_EQ(received.frames[0].payload, "next");
  EXPECT_EQ(received.frames[0].descriptors.size(), 1u);
}

TEST_P(StreamRefusalTest, BehindOtherFramesLeavesThoseSent) {
  frames_.push_back(NewFrame(1, "sent"));
  frames_.push_back(NewFrame(2, "refused", NumberedFiles(1)));
  FaultInjection faults([](std::string_view name, size_t index) {
    return FaultInjection::Fault{
        .error = name == "sendmsg" && index == 1 ? GetParam().error : 0};
  });
  const Transport::SendResult result = Send();
  EXPECT_EQ(result.outcome, SendOutcome::kRefused);
  EXPECT_EQ(result.sent, 1u);
  EXPECT_EQ(ReceiveAll(*to_).frames.size(), 1u);
}

TEST_P(StreamRefusalTest, InTheMiddleOfAFrameBreaksTheConnection) {
  frames_.push_back(NewFrame(1, "payload", NumberedFiles(1)));
  FaultInjection faults([](std::string_view name, size_t index) {
    if (name != "sendmsg") return FaultInjection::Fault{};
    return index == 0 ? FaultInjection::Fault{.most_bytes = 5}
                      : FaultInjection::Fault{.error = GetParam().error};
  });
  EXPECT_TRUE(Send().next_partly_sent);
  const Transport::SendResult result = Send();
  EXPECT_EQ(result.outcome, SendOutcome::kBroken);
  EXPECT_EQ(result.error.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(result.next_partly_sent);
}

TEST_F(StreamSendingTest, WithoutDescriptorsOnlyWantOfMemoryIsARefusal) {
  for (const auto& [error, outcome] :
       {std::pair{ENOMEM, SendOutcome::kRefused},
        std::pair{ENOBUFS, SendOutcome::kRefused},
        std::pair{EBADF, SendOutcome::kBroken},
        std::pair{EINVAL, SendOutcome::kBroken},
        std::pair{EIO, SendOutcome::kBroken},
        std::pair{EPIPE, SendOutcome::kClosed},
        std::pair{ECONNRESET, SendOutcome::kClosed}}) {
    frames_.clear();
    frames_.push_back(NewFrame(1, "plain"));
    FaultInjection faults(FirstSendFails(error));
    EXPECT_EQ(Send().outcome, outcome) << error;
  }
}

TEST_F(StreamSendingTest, AGonePeerIsAnOutcomeNotASignal) {
  to_.reset();
  frames_.push_back(NewFrame(1, "x", NumberedFiles(1)));
  EXPECT_EQ(Send().outcome, SendOutcome::kClosed);
}

TEST_F(StreamSendingTest, ASignalDoesNotShowInEitherDirection) {
  frames_.push_back(NewFrame(1, "x", NumberedFiles(1)));
  FaultInjection faults([](std::string_view, size_t index) {
    return FaultInjection::Fault{.error = index % 3 != 2 ? EINTR : 0};
  });
  EXPECT_EQ(SendAndReceive().descriptors(), 1u);
}

}  // namespace
}  // namespace fdrpc::testing
