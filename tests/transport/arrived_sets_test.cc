// Which set belongs to which frame, without a socket.

#include "transport/arrived_sets.h"

#include <fcntl.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

ReceivedDescriptors SetOf(int count, bool truncated = false) {
  ReceivedDescriptors set;
  for (int i = 0; i < count; ++i) set.fds.push_back(FileWith("x"));
  set.truncated = truncated;
  return set;
}

class ArrivedSetsTest : public ::testing::Test {
 protected:
  // A frame that starts at `start` and announces `count` descriptors.
  absl::Status Assign(uint64_t start, uint16_t count) {
    frame_ = IncomingFrame{};
    frame_.header.descriptor_count = count;
    return sets_.Assign(start, frame_);
  }
  size_t assigned() const { return frame_.descriptors.size(); }

  ExpectSameDescriptors census_;
  ArrivedSets sets_;
  IncomingFrame frame_;
};

TEST_F(ArrivedSetsTest, FramesWithoutDescriptorsNeedNone) {
  EXPECT_TRUE(Assign(0, 0).ok());
  EXPECT_TRUE(Assign(16, 0).ok());
  EXPECT_TRUE(sets_.CheckPending(32).ok());
}

TEST_F(ArrivedSetsTest, AFrameTakesTheSetThatCameWithItsFirstByte) {
  sets_.Add(100, 130, SetOf(3));
  EXPECT_TRUE(Assign(100, 3).ok());
  EXPECT_EQ(assigned(), 3u);
  EXPECT_TRUE(sets_.CheckPending(130).ok());
}

TEST_F(ArrivedSetsTest, PlainFramesBeforeItInTheSameReadPassItBy) {
  sets_.Add(0, 60, SetOf(2));
  EXPECT_TRUE(Assign(0, 0).ok());
  EXPECT_TRUE(Assign(20, 0).ok());
  EXPECT_TRUE(Assign(40, 2).ok());
  EXPECT_EQ(assigned(), 2u);
}

TEST_F(ArrivedSetsTest, ThePlainFrameBeforeItMayHaveBegunInAnEarlierRead) {
  sets_.Add(10, 60, SetOf(1));
  EXPECT_TRUE(Assign(0, 0).ok());
  EXPECT_TRUE(Assign(20, 1).ok());
  EXPECT_EQ(assigned(), 1u);
}

TEST_F(ArrivedSetsTest, PlainFramesBehindItInTheSameReadNeedNone) {
  sets_.Add(0, 60, SetOf(1));
  EXPECT_TRUE(Assign(0, 1).ok());
  EXPECT_TRUE(Assign(20, 0).ok());
  EXPECT_TRUE(Assign(40, 0).ok());
  EXPECT_TRUE(sets_.CheckPending(60).ok());
}

TEST_F(ArrivedSetsTest, AFrameMayEndManyReadsLater) {
  sets_.Add(0, 1, SetOf(1));  // one byte of it
  EXPECT_TRUE(sets_.CheckPending(0).ok());
  EXPECT_TRUE(sets_.CheckPending(0).ok());
  EXPECT_TRUE(Assign(0, 1).ok());
  EXPECT_EQ(assigned(), 1u);
}

TEST_F(ArrivedSetsTest, ASetWaitsForItsFrameWhileTheOneBeforeIsTaken) {
  // Two reads: the end of one frame with descriptors arrived together with the
  // next one's.
  sets_.Add(0, 10, SetOf(1));
  EXPECT_TRUE(sets_.CheckPending(0).ok());
  sets_.Add(10, 40, SetOf(2));
  EXPECT_TRUE(Assign(0, 1).ok());
  EXPECT_EQ(assigned(), 1u);
  EXPECT_TRUE(sets_.CheckPending(30).ok());
  EXPECT_TRUE(Assign(30, 2).ok());
  EXPECT_EQ(assigned(), 2u);
}

TEST_F(ArrivedSetsTest, FramesBackToBackTakeTheirOwn) {
  for (int i = 0; i < 5; ++i) {
    const uint64_t start = 20 * static_cast<uint64_t>(i);
    sets_.Add(start, start + 20, SetOf(i + 1));
    EXPECT_TRUE(Assign(start, static_cast<uint16_t>(i + 1)).ok());
    EXPECT_EQ(assigned(), static_cast<size_t>(i + 1));
    EXPECT_TRUE(sets_.CheckPending(start + 20).ok());
  }
}

TEST_F(ArrivedSetsTest, RefusesAFrameThatAnnouncesMoreThanCame) {
  sets_.Add(0, 20, SetOf(2));
  const absl::Status status = Assign(0, 3);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(),
              HasSubstr("announces 3 descriptors but 2 came"));
  EXPECT_EQ(assigned(), 0u);
}

TEST_F(ArrivedSetsTest, RefusesAFrameThatAnnouncesFewerThanCame) {
  sets_.Add(0, 20, SetOf(2));
  EXPECT_FALSE(Assign(0, 1).ok());
  EXPECT_EQ(assigned(), 0u);
}

TEST_F(ArrivedSetsTest, RefusesAFrameThatAnnouncesSomeWhenNoneCame) {
  const absl::Status status = Assign(0, 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("none came with it"));
}

TEST_F(ArrivedSetsTest, RefusesAFrameWhoseSetCameWithALaterByte) {
  sets_.Add(1, 20, SetOf(1));
  EXPECT_FALSE(Assign(0, 1).ok());
}

TEST_F(ArrivedSetsTest, RefusesASetInTheMiddleOfALargePlainFrame) {
  sets_.Add(1000, 2000, SetOf(1));
  EXPECT_TRUE(sets_.CheckPending(0).ok()) << "it could still span the end";
  EXPECT_TRUE(Assign(0, 0).ok());
  EXPECT_FALSE(sets_.CheckPending(5000).ok());
}

TEST_F(ArrivedSetsTest, RefusesASetInTheMiddleOfAFrameThatHasOne) {
  sets_.Add(0, 1000, SetOf(1));
  EXPECT_TRUE(sets_.CheckPending(0).ok());
  sets_.Add(1000, 2000, SetOf(1));
  const absl::Status status = sets_.CheckPending(0);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("in the middle of a frame"));
}

TEST_F(ArrivedSetsTest, RefusesASecondSetForOneFrameThatIsComplete) {
  sets_.Add(0, 10, SetOf(1));
  sets_.Add(10, 20, SetOf(1));
  EXPECT_TRUE(Assign(0, 1).ok());
  EXPECT_FALSE(sets_.CheckPending(20).ok());
}

TEST_F(ArrivedSetsTest, RefusesASetThatNoFrameAnnounces) {
  sets_.Add(0, 20, SetOf(1));
  EXPECT_TRUE(Assign(0, 0).ok());
  const absl::Status status = sets_.CheckPending(20);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("no frame announces any"));
}

TEST_F(ArrivedSetsTest, RefusesTheNextFrameWhenASetWasLeftBehind) {
  sets_.Add(0, 20, SetOf(1));
  EXPECT_TRUE(Assign(0, 0).ok());
  EXPECT_FALSE(Assign(20, 0).ok());
  EXPECT_FALSE(Assign(20, 1).ok()) << "it is not that frame's either";
}

TEST_F(ArrivedSetsTest, RefusesTwoFramesThatWantOneSet) {
  sets_.Add(0, 40, SetOf(2));
  EXPECT_TRUE(Assign(0, 2).ok());
  EXPECT_FALSE(Assign(20, 2).ok());
}

TEST_F(ArrivedSetsTest, MarksAFrameWhoseSetWasTruncatedAndClosesWhatCame) {
  const DescriptorCensus before = TakeCensus();
  for (const int prefix : {0, 1, 2}) {
    sets_.Add(0, 20, SetOf(prefix, true));
    EXPECT_TRUE(Assign(0, 3).ok());
    EXPECT_TRUE(frame_.descriptors_truncated);
    EXPECT_EQ(assigned(), 0u);
    EXPECT_EQ(TakeCensus(), before);
    EXPECT_TRUE(sets_.CheckPending(20).ok());
  }
}

TEST_F(ArrivedSetsTest, RefusesATruncatedSetThatNoFrameAnnounces) {
  sets_.Add(0, 20, SetOf(0, true));
  EXPECT_TRUE(Assign(0, 0).ok());
  EXPECT_FALSE(sets_.CheckPending(20).ok());
}

TEST_F(ArrivedSetsTest, ClosesWhatNobodyTook) {
  sets_.Add(0, 20, SetOf(5));
  sets_.Add(20, 40, SetOf(5));
}

}  // namespace
}  // namespace fdrpc::testing
