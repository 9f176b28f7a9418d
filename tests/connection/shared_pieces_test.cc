// Large messages that are sent without being copied.

#include <memory>
#include <string>
#include <vector>

#include "base/sanitizers.h"
#include "connection/frame_builder.h"
#include "fdrpc/internal/call_message.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"
#include "tests/connection/built_frames.h"

namespace fdrpc::testing {
namespace {

using google::protobuf::BytesValue;
using google::protobuf::ListValue;

template <typename Message>
OutgoingFrames FramesOf(Message message) {
  internal::MovedMessage<Message> moved(message);
  return BuildMessage(1, moved.outgoing(), {}, false);
}
std::string Joined(const OutgoingFrames& frames) {
  std::string bytes;
  for (const OutgoingFrame& frame : frames) bytes += PayloadOf(frame);
  return bytes;
}

class SharedPiecesTest : public ::testing::TestWithParam<size_t> {};

INSTANTIATE_TEST_SUITE_P(Sizes, SharedPiecesTest,
                         ::testing::Values(8193, (64u << 10) - 1, 64u << 10,
                                           (64u << 10) + 10, kMaxPieceBytes - 1,
                                           kMaxPieceBytes, kMaxPieceBytes + 1,
                                           2 * kMaxPieceBytes,
                                           5 * kMaxPieceBytes + 3));

TEST_P(SharedPiecesTest, HaveTheSameBytesInTheSameFrames) {
  const BytesValue message = MessageOfSize(GetParam());
  const OutgoingFrames copied = BuildMessage(1, message, {}, false);
  const OutgoingFrames shared = FramesOf(message);
  ASSERT_EQ(shared.size(), copied.size());
  for (size_t i = 0; i < shared.size(); ++i) {
    EXPECT_EQ(BytesOf(shared[i]), BytesOf(copied[i]));
  }
}

TEST_P(SharedPiecesTest, OfManyFieldsTheyDo) {
  // Each size next to each other one, nested.
  ListValue message;
  for (int i = 0; i < (kThreadSanitizer ? 3 : 12); ++i) {
    ListValue& list = *message.add_values()->mutable_list_value();
    for (size_t size : {0, 3, 40, 4000, 33'000, 70'000}) {
      list.add_values()->set_string_value(
          std::string(size, static_cast<char>('a' + i)));
      list.add_values()->set_number_value(i);
    }
    list.add_values()->set_string_value(std::string(GetParam(), 'z'));
  }
  const std::string bytes = message.SerializeAsString();
  const OutgoingFrames frames = FramesOf(message);
  EXPECT_EQ(Joined(frames), bytes);
  for (size_t i = 0; i + 1 < frames.size(); ++i) {
    EXPECT_EQ(frames[i].attached->body_bytes, kMaxPieceBytes);
  }
}

TEST_P(SharedPiecesTest, OfSmallFieldsTheyDo) {
  ListValue message;
  while (message.values_size() < static_cast<int>(GetParam() / 50)) {
    message.add_values()->set_string_value(
        std::string(static_cast<size_t>(message.values_size()) % 100, 's'));
  }
  EXPECT_EQ(Joined(FramesOf(message)), message.SerializeAsString());
}

TEST(SharedMessageTest, IsNotCopiedAndLivesUntilItsLastFrameHasGone) {
  BytesValue message = MessageOfSize(3 * kMaxPieceBytes);
  const char* const field = message.value().data();
  OutgoingFrames frames = FramesOf(std::move(message));
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(frames[0].attached->body.back().bytes.data(), field);
  const std::weak_ptr<const void> owner = frames[0].attached->body.back().owner;
  for (int i : {0, 1}) frames[i] = OutgoingFrame();
  EXPECT_FALSE(owner.expired());
  frames[2] = OutgoingFrame();
  EXPECT_TRUE(owner.expired());
}

TEST(SharedMessageTest, IsNotTheOneThatAnInterceptorReplaced) {
  BytesValue message = MessageOfSize(kMaxPieceBytes);
  const BytesValue other = MessageOfSize(kMaxPieceBytes + 7);
  internal::MovedMessage<BytesValue> moved(message);
  OutgoingMessage sent = moved.outgoing();
  sent.message = &other;
  EXPECT_EQ(Joined(BuildMessage(1, sent, {}, false)),
            other.SerializeAsString());
}

}  // namespace
}  // namespace fdrpc::testing
