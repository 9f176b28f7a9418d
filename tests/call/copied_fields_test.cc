// Fields of parcels that are copies of others.
#include <utility>

#include "fdrpc/parcel.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/call/parcel_fixture.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

// With the descriptors that a copied field names.
using CopiedFieldTest = ParcelTest;

TEST_F(CopiedFieldTest, AttachingLeavesTheOtherFieldsDescriptor) {
  Parcel<Files> received;
  received->add_files()->set_slot(1);
  ASSERT_TRUE(received.Accept(NumberedFiles(1)).ok());
  parcel_.set_first(FileWith("mine"));
  *parcel_->add_files() = received->files(0);
  parcel_.Attach(parcel_->mutable_files(0), FileWith("new"));
  EXPECT_EQ(ReadRest(parcel_.first()), "mine");
  EXPECT_EQ(ReadRest(parcel_.files(0)), "new");
  EXPECT_EQ(ReadRest(received.files(0)), "1");
  ASSERT_TRUE(parcel_.PrepareToSend().ok());
  EXPECT_EQ(parcel_.TakeDescriptors().size(), 2u);
}

TEST_F(CopiedFieldTest, AttachingLeavesTheOriginalOfTheSameParcel) {
  parcel_.add_files(FileWith("a"));
  *parcel_->add_files() = parcel_->files(0);
  parcel_.Attach(parcel_->mutable_files(1), FileWith("b"));
  EXPECT_EQ(ReadRest(parcel_.files(0)), "a");
  EXPECT_EQ(ReadRest(parcel_.files(1)), "b");
}

TEST_F(CopiedFieldTest, ClearingLeavesTheOriginal) {
  parcel_.add_files(FileWith("a"));
  *parcel_->mutable_first() = parcel_->files(0);
  parcel_.clear_first();
  EXPECT_EQ(ReadRest(parcel_.files(0)), "a");
  ASSERT_TRUE(parcel_.PrepareToSend().ok());
}

TEST_F(CopiedFieldTest, TakesNothingOfAnotherParcel) {
  Parcel<Files> received;
  received->mutable_first()->set_slot(1);
  ASSERT_TRUE(received.Accept(NumberedFiles(1)).ok());
  parcel_.add_files(FileWith("private"));
  *parcel_->mutable_first() = received->first();
  EXPECT_EQ(parcel_.first(), -1);
  EXPECT_FALSE(parcel_.take_first().ok());
  EXPECT_EQ(ReadRest(parcel_.files(0)), "private");
}

TEST_F(CopiedFieldTest, DoesNotSendWhatNoFieldNamesAnyMore) {
  Parcel<Files> received;
  received->mutable_first()->set_slot(1);
  ASSERT_TRUE(received.Accept(NumberedFiles(1)).ok());
  parcel_.add_files(FileWith("private"));
  parcel_->clear_files();
  *parcel_->mutable_first() = received->first();
  ExpectUnsendable("another parcel");
}

TEST_F(CopiedFieldTest, OfAMessageThatWasSentNamesNothing) {
  parcel_.add_files(FileWith("a"));
  parcel_.set_first(FileWith("b"));
  ASSERT_TRUE(parcel_.PrepareToSend().ok());
  (void)parcel_.TakeDescriptors();
  parcel_.set_first(FileWith("c"));
  EXPECT_EQ(parcel_.files(0), -1);
  ExpectUnsendable("fdrpc.testing.Files.files[0]");
}

TEST_F(CopiedFieldTest, NumbersFromElsewhereNameNothing) {
  Parcel<Files> sent;
  sent.set_first(FileWith("x"));
  ASSERT_TRUE(sent.PrepareToSend().ok());
  Files unpacked;
  ASSERT_TRUE(unpacked.ParseFromString(sent->SerializeAsString()));
  parcel_.set_first(FileWith("private"));
  EXPECT_EQ(parcel_.Borrow(unpacked.first()), -1);
  EXPECT_FALSE(parcel_.Take(unpacked.first()).ok());
  parcel_.Attach(unpacked.mutable_first(), FileWith("new"));
  EXPECT_EQ(ReadRest(parcel_.first()), "private");
}

TEST_F(CopiedFieldTest, MovesWithTheMessageWithinItsParcel) {
  parcel_.set_first(FileWith("a"));
  parcel_->add_files()->Swap(parcel_->mutable_first());
  parcel_->clear_first();
  EXPECT_EQ(ReadRest(parcel_.files(0)), "a");
  ASSERT_TRUE(parcel_.PrepareToSend().ok());
  EXPECT_EQ(parcel_.TakeDescriptors().size(), 1u);
}

TEST_F(CopiedFieldTest, OfAParcelThatWasMovedFromNamesNothing) {
  parcel_.set_first(FileWith("a"));
  Parcel<Files> moved = std::move(parcel_);
  parcel_ = Parcel<Files>();
  parcel_.add_files(FileWith("b"));
  *parcel_->mutable_first() = moved->first();
  EXPECT_EQ(parcel_.first(), -1);
  EXPECT_EQ(ReadRest(moved.first()), "a");
}

}  // namespace
}  // namespace fdrpc::testing
