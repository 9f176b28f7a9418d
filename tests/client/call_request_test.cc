#include "client/call_request.h"

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"
#include "transport/frame.h"
#include "wire/frame_header.h"

namespace fdrpc {
namespace {

using google::protobuf::BytesValue;

std::vector<std::string> HeadsOf(const OutgoingFrames& frames) {
  std::vector<std::string> heads;
  for (const OutgoingFrame& frame : frames) heads.push_back(frame.head);
  return heads;
}

class CallRequestTest : public ::testing::Test {
 protected:
  static constexpr Method kUnary = {.full_name = "p.S/Unary"};
  static constexpr Method kOneWay = {.full_name = "p.S/OneWay",
                                     .one_way = true};

  void Prepare(const Method& method, size_t bytes, bool borrow) {
    message_.set_value(std::string(bytes, 'x'));
    const OutgoingMessage request(message_);
    ASSERT_TRUE(request_
                    .Prepare(method, &request, borrow, /*has_timeout=*/true,
                             metadata_, open_)
                    .ok());
    ASSERT_FALSE(open_.empty());
  }

  const Metadata metadata_ = {{"k", "v"}};
  BytesValue message_;
  CallRequest request_;
  OutgoingFrames open_;
};

TEST_F(CallRequestTest, ASmallFrameServesForAllAttempts) {
  Prepare(kUnary, 10, /*borrow=*/false);
  EXPECT_TRUE(request_.stays());
  EXPECT_EQ(open_.size(), 1u);
}

// Of one frame that is too large for that, and of several.
TEST_F(CallRequestTest, FurtherAttemptsSendTheSame) {
  for (const Method& method : {kUnary, kOneWay}) {
    for (const size_t bytes : {size_t{10'000}, size_t{1} << 20}) {
      for (const bool borrow : {false, true}) {
        SCOPED_TRACE(::testing::PrintToString(
            std::tuple(method.one_way, bytes, borrow)));
        request_ = {};
        open_.clear();
        Prepare(method, bytes, borrow);
        EXPECT_FALSE(request_.stays());
        for (int i = 0; i < 2; ++i) {
          const OutgoingFrames again = request_.BuildAgain();
          EXPECT_EQ(HeadsOf(again), HeadsOf(open_));
          ASSERT_EQ(again.size(), open_.size());
          EXPECT_EQ(again.back().tells_when_sent, method.one_way);
          EXPECT_EQ(again.back().bytes(), open_.back().bytes());
        }
      }
    }
  }
}

TEST_F(CallRequestTest, AOneWayCallSaysSoInItsFirstFrame) {
  Prepare(kOneWay, 10, /*borrow=*/false);
  EXPECT_NE(DecodeFrameHeader(open_.front().head.data()).flags & kFlagOneWay,
            0);
  EXPECT_TRUE(open_.back().tells_when_sent);
}

}  // namespace
}  // namespace fdrpc
