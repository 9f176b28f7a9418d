#include "call/prepare_message.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.pb.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class PrepareMessageTest : public ::testing::Test {
 protected:
  // Fails, and records that.
  void Refuses(const OutgoingMessage& message, bool has_any,
               const MessageLimits& limits, absl::StatusCode code,
               const std::string& what) {
    const absl::Status status =
        PrepareMessage(message, has_any, limits, descriptors_);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(status.message(), HasSubstr(what));
  }

  ExpectSameDescriptors census_;
  DescriptorSet descriptors_;
};

TEST_F(PrepareMessageTest, WhatFitsThePeersLimitsIsSendable) {
  Parcel<Files> parcel;
  parcel->set_text("text");
  for (int i = 0; i < 3; ++i) parcel.add_files(FileWith(""));
  // The name of each slot, the text, and what is before them.
  constexpr size_t kBytes = 3 * 4 + 6;
  ASSERT_TRUE(PrepareMessage(parcel, false, {kBytes, 3}, descriptors_).ok());
  EXPECT_EQ(descriptors_.size(), 3u);
  EXPECT_EQ(static_cast<size_t>(parcel->GetCachedSize()), kBytes);
  EXPECT_TRUE(parcel.TakeDescriptors().empty());
  Text text;
  EXPECT_TRUE(PrepareMessage(text, true, kNoMessageLimits, descriptors_).ok());
}

TEST_F(PrepareMessageTest, WhatExceedsThemIsNot) {
  for (const auto& [limits, what] :
       {std::pair(MessageLimits{13, 3},
                  "14 bytes exceeds the peer's limit of 13 "
                  "(ServerOptions::max_request_bytes, "
                  "ChannelOptions::max_reply_bytes): send less, "),
        std::pair(MessageLimits{14, 1},
                  "2 descriptors exceeds the peer's limit of 1 "
                  "(ServerOptions::max_request_descriptors, "
                  "ChannelOptions::max_reply_descriptors, RLIMIT_NOFILE): "
                  "send fewer ")}) {
    Parcel<Files> parcel;
    parcel->set_text("text");
    for (int i = 0; i < 2; ++i) parcel.add_files(FileWith(""));
    Refuses(parcel, false, limits, absl::StatusCode::kResourceExhausted, what);
  }
}

TEST_F(PrepareMessageTest, AMessageWithoutItsRequiredFieldsIsNot) {
  Refuses(google::protobuf::UninterpretedOption::NamePart(), false, {100, 0},
          absl::StatusCode::kInvalidArgument, "name_part");
}

TEST_F(PrepareMessageTest, AParcelThatIsNotInOrderIsNotAndGivesItsDescriptors) {
  Parcel<Files> parcel;
  parcel.add_files(FileWith(""));
  parcel->mutable_first();
  Refuses(parcel, false, kNoMessageLimits, absl::StatusCode::kInvalidArgument,
          "fdrpc.testing.Files.first: no descriptor is attached");
  EXPECT_TRUE(parcel.TakeDescriptors().empty());
}

TEST_F(PrepareMessageTest, WhatIsPackedIsLookedThroughWhereItIsSaid) {
  Parcel<Files> inner;
  inner.set_first(FileWith(""));
  google::protobuf::Any any;
  any.PackFrom(*inner);
  Refuses(any, true, kNoMessageLimits, absl::StatusCode::kInvalidArgument,
          "fdrpc.testing.Files.first");
  EXPECT_TRUE(PrepareMessage(any, false, kNoMessageLimits, descriptors_).ok());
}

}  // namespace
}  // namespace fdrpc::testing
