#include "services/host/hang_detector.h"

#include "gtest/gtest.h"

namespace fdrpc::host {
namespace {

using Verdict = HangDetector::Verdict;

TEST(HangDetectorTest, AProcessThatAnswersGetsTheNextPing) {
  HangDetector detector;
  for (int i = 0; i < 3 * HangDetector::kMostMissed; ++i) {
    EXPECT_EQ(detector.OnTick(true, false), Verdict::kPing);
  }
}

TEST(HangDetectorTest, AProcessThatDoesNotAnswerHangs) {
  HangDetector detector;
  EXPECT_EQ(detector.OnTick(true, false), Verdict::kPing);
  for (int i = 1; i < HangDetector::kMostMissed; ++i) {
    EXPECT_EQ(detector.OnTick(false, false), Verdict::kWait);
  }
  EXPECT_EQ(detector.OnTick(false, false), Verdict::kHangs);
}

TEST(HangDetectorTest, ALateAnswerIsOne) {
  HangDetector detector;
  for (int i = 0; i < 3; ++i) {
    for (int j = 1; j < HangDetector::kMostMissed; ++j) {
      EXPECT_EQ(detector.OnTick(false, false), Verdict::kWait);
    }
    EXPECT_EQ(detector.OnTick(true, false), Verdict::kPing);
  }
}

TEST(HangDetectorTest, AProcessThatIsHeldDoesNotHang) {
  HangDetector detector;
  for (int i = 0; i < 3 * HangDetector::kMostMissed; ++i) {
    EXPECT_EQ(detector.OnTick(false, true), Verdict::kWait);
  }
  // From then on.
  for (int i = 1; i < HangDetector::kMostMissed; ++i) {
    EXPECT_EQ(detector.OnTick(false, false), Verdict::kWait);
  }
  EXPECT_EQ(detector.OnTick(false, false), Verdict::kHangs);
}

TEST(HangDetectorTest, AStartMayTakeLonger) {
  HangDetector detector;
  const int most = HangDetector::kPatienceAtStart * HangDetector::kMostMissed;
  for (int i = 1; i < most; ++i) {
    EXPECT_EQ(detector.OnTick(false, false, /*is_starting=*/true),
              Verdict::kWait);
  }
  EXPECT_EQ(detector.OnTick(false, false, /*is_starting=*/true),
            Verdict::kHangs);
}

TEST(HangDetectorTest, AnotherProcessHasAllTheTime) {
  HangDetector detector;
  for (int i = 1; i < HangDetector::kMostMissed; ++i) {
    EXPECT_EQ(detector.OnTick(false, false), Verdict::kWait);
  }
  detector.Reset();
  EXPECT_EQ(detector.OnTick(false, false), Verdict::kWait);
}

}  // namespace
}  // namespace fdrpc::host
