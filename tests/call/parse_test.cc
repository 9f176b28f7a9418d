#include "call/parse.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class ParseReceivedTest : public ::testing::Test {
 protected:
  static ReceivedMessage Message(std::string bytes, int descriptors = 0) {
    ReceivedMessage received{ReceivedBytes(std::move(bytes)), {}};
    std::vector<UniqueFd> fds;
    for (int i = 0; i < descriptors; ++i) {
      fds.push_back(FileWith(std::to_string(i)));
    }
    received.descriptors.Append(std::move(fds));
    return received;
  }

  ExpectSameDescriptors census_;
  const DescriptorCensus before_ = TakeCensus();
};

TEST_F(ParseReceivedTest, ParsesAPlainMessage) {
  Text sent, received;
  sent.set_text("text");
  ASSERT_TRUE(ParseReceived(Message(sent.SerializeAsString()), received).ok());
  EXPECT_EQ(received.text(), "text");
}

TEST_F(ParseReceivedTest, ParsesAnEmptyMessage) {
  Text received;
  received.set_text("of before");
  ASSERT_TRUE(ParseReceived(Message(""), received).ok());
  EXPECT_EQ(received.text(), "");
}

TEST_F(ParseReceivedTest, GivesAParcelItsDescriptors) {
  Files sent;
  sent.add_files()->set_slot(2);
  sent.add_files()->set_slot(1);
  Parcel<Files> received;
  ASSERT_TRUE(
      ParseReceived(Message(sent.SerializeAsString(), 2), received).ok());
  EXPECT_EQ(ReadRest(received.take_files(0).get()), "1");
  EXPECT_EQ(ReadRest(received.take_files(1).get()), "0");
}

TEST_F(ParseReceivedTest, IsInternalForBytesThatAreNoMessage) {
  for (const std::string& bytes :
       {std::string("\xff"), std::string("\x0a\x05x"),
        std::string("\x00", 1)}) {
    Text plain;
    const absl::Status status = ParseReceived(Message(bytes), plain);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(status.message(), HasSubstr("fdrpc.testing.Text"));
    Parcel<Files> parcel;
    EXPECT_EQ(ParseReceived(Message(bytes, 3), parcel).code(),
              absl::StatusCode::kInternal);
    EXPECT_EQ(TakeCensus(), before_) << "the descriptors are closed";
  }
}

TEST_F(ParseReceivedTest, IsInternalForSlotsThatDoNotAgree) {
  Files sent;
  sent.add_files()->set_slot(1);
  for (const int count : {0, 2}) {
    Parcel<Files> received;
    EXPECT_EQ(ParseReceived(Message(sent.SerializeAsString(), count), received)
                  .code(),
              absl::StatusCode::kInternal);
    EXPECT_EQ(TakeCensus(), before_);
  }
}

}  // namespace
}  // namespace fdrpc::testing
