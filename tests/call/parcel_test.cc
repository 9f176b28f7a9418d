// A parcel's slots and descriptors, when it is sent and when it arrives.
#include "fdrpc/parcel.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/call/parcel_fixture.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

using OutgoingParcelTest = ParcelTest;

TEST_F(OutgoingParcelTest, WithoutDescriptorsHasAnEmptySet) {
  parcel_->set_text("text");
  ASSERT_TRUE(parcel_.PrepareToSend().ok());
  EXPECT_TRUE(parcel_.TakeDescriptors().empty());
}

TEST_F(OutgoingParcelTest, NumbersSlotsFromOneInTheOrderOfTheSet) {
  parcel_.add_files(FileWith("a"));
  parcel_.add_files(FileWith("b"));
  parcel_.set_first(FileWith("c"));
  ASSERT_TRUE(parcel_.PrepareToSend().ok());
  const DescriptorSet set = parcel_.TakeDescriptors();
  ASSERT_EQ(set.size(), 3u);
  EXPECT_EQ(ReadRest(set[parcel_->files(0).slot() - 1].get()), "a");
  EXPECT_EQ(ReadRest(set[parcel_->files(1).slot() - 1].get()), "b");
  EXPECT_EQ(ReadRest(set[parcel_->first().slot() - 1].get()), "c");
  EXPECT_TRUE(parcel_.TakeDescriptors().empty()) << "moved out";
}

TEST_F(OutgoingParcelTest, MayBePreparedTwice) {
  parcel_.add_files(FileWith("a"));
  parcel_.add_files(FileWith("b"));
  ASSERT_TRUE(parcel_.PrepareToSend().ok());
  ASSERT_TRUE(parcel_.PrepareToSend().ok());
  EXPECT_EQ(Contents(parcel_.TakeDescriptors()), "ab");
}

TEST_F(OutgoingParcelTest, ReplacingADescriptorClosesTheOldOne) {
  parcel_.set_first(FileWith("old"));
  parcel_.set_first(FileWith("new"));
  EXPECT_EQ(parcel_->first().slot(), 1u);
  EXPECT_EQ(ReadRest(parcel_.first()), "new");
  EXPECT_EQ(TakeCensus().size(), before_.size() + 1);
  ASSERT_TRUE(parcel_.PrepareToSend().ok());
  EXPECT_EQ(parcel_.TakeDescriptors().size(), 1u);
}

TEST_F(OutgoingParcelTest, BorrowsWithoutGivingAway) {
  parcel_.set_first(FileWith("content"));
  EXPECT_EQ(ReadRest(parcel_.first()), "content");
  EXPECT_TRUE(parcel_.has_first());
  EXPECT_GE(parcel_.first(), 0);
  EXPECT_EQ(Parcel<Files>().first(), -1);
}

TEST_F(OutgoingParcelTest, TakesADescriptorBackOnce) {
  parcel_.set_first(FileWith("content"));
  const UniqueFd taken = parcel_.take_first();
  EXPECT_EQ(ReadRest(taken.get()), "content");
  EXPECT_FALSE(parcel_.take_first().ok());
  EXPECT_EQ(parcel_.first(), -1);
}

TEST_F(OutgoingParcelTest, CannotBeSentWithAFieldWhoseDescriptorWasTaken) {
  parcel_.add_files(FileWith("kept"));
  parcel_.add_files(FileWith("taken"));
  const UniqueFd taken = parcel_.take_files(1);
  ASSERT_EQ(parcel_->files_size(), 2);
  ExpectUnsendable("fdrpc.testing.Files.files");
}

TEST_F(OutgoingParcelTest, ClosesDescriptorsOfFieldsThatWereDropped) {
  parcel_.add_files(FileWith("a"));
  parcel_.add_files(FileWith("b"));
  parcel_.add_files(FileWith("c"));
  parcel_->mutable_files()->DeleteSubrange(0, 1);
  ASSERT_TRUE(parcel_.PrepareToSend().ok());
  EXPECT_EQ(TakeCensus().size(), before_.size() + 2) << "\"a\" is closed";
  EXPECT_EQ(parcel_->files(0).slot(), 1u) << "renumbered without a gap";
  EXPECT_EQ(parcel_->files(1).slot(), 2u);
  EXPECT_EQ(Contents(parcel_.TakeDescriptors()), "bc");
}

TEST_F(OutgoingParcelTest, OrdersTheSetAsTheMessageIs) {
  parcel_.add_files(FileWith("a"));
  parcel_.add_files(FileWith("b"));
  parcel_->mutable_files()->SwapElements(0, 1);
  ASSERT_TRUE(parcel_.PrepareToSend().ok());
  EXPECT_EQ(parcel_->files(0).slot(), 1u);
  EXPECT_EQ(Contents(parcel_.TakeDescriptors()), "ba");
}

TEST_F(OutgoingParcelTest, RefusesAFieldWithoutADescriptor) {
  parcel_->mutable_first();
  ExpectUnsendable("fdrpc.testing.Files.first");
}

TEST_F(OutgoingParcelTest, RefusesASlotThatTheUserMadeUp) {
  parcel_.set_first(FileWith("x"));
  parcel_->add_files()->set_slot(2);
  ExpectUnsendable("fdrpc.testing.Files.files");
}

TEST_F(OutgoingParcelTest, RefusesADescriptorThatTwoFieldsName) {
  parcel_.add_files(FileWith("x"));
  *parcel_->mutable_first() = parcel_->files(0);
  ExpectUnsendable("attached to another field");
}

TEST_F(OutgoingParcelTest, RefusesEmptyDescriptors) {
  parcel_.set_first(UniqueFd());
  ExpectUnsendable("fdrpc.testing.Files.first");
  parcel_ = Parcel<Files>();
  parcel_.add_files(SharedFd());
  ExpectUnsendable("fdrpc.testing.Files.files");
}

TEST_F(OutgoingParcelTest, ClosesItsDescriptorsWhenRefused) {
  parcel_.add_files(FileWith("a"));
  parcel_->mutable_first();
  ExpectUnsendable("first");
  parcel_ = Parcel<Files>();
  EXPECT_EQ(TakeCensus(), before_);
}

TEST_F(OutgoingParcelTest, SharesADescriptorWithOthers) {
  const SharedFd shared{FileWith("content")};
  parcel_.add_files(shared);
  parcel_.add_files(shared);
  EXPECT_EQ(parcel_.files(0), shared.get()) << "no dup(2)";
  EXPECT_FALSE(parcel_.take_files(0).ok()) << "not the parcel's to give away";
  ASSERT_TRUE(parcel_.PrepareToSend().ok());
  EXPECT_EQ(parcel_.TakeDescriptors().size(), 2u);
  EXPECT_TRUE(shared.ok());
  EXPECT_EQ(ReadRest(shared.get()), "content");
}

TEST_F(OutgoingParcelTest, MovesWithItsDescriptors) {
  parcel_.set_first(FileWith("content"));
  Parcel<Files> moved = std::move(parcel_);
  EXPECT_EQ(ReadRest(moved.first()), "content");
  parcel_ = std::move(moved);
  EXPECT_TRUE(parcel_.take_first().ok());
}

TEST_F(OutgoingParcelTest, AttachesToFieldsAnywhereInTheMessage) {
  parcel_.Attach(parcel_->add_files(), FileWith("a"));
  parcel_.Attach(parcel_->mutable_first(), SharedFd(FileWith("b")));
  EXPECT_EQ(ReadRest(parcel_.Borrow(parcel_->first())), "b");
  EXPECT_EQ(ReadRest(parcel_.Take(parcel_->files(0)).get()), "a");
  EXPECT_FALSE(parcel_.Take(Fd()).ok());
  EXPECT_EQ(parcel_.Borrow(Fd()), -1);
}

TEST_F(OutgoingParcelTest, SaysWhichFieldIsWrongAndWhy) {
  struct Case {
    const char* name;
    std::function<void(Parcel<Files>&)> spoil;
    std::vector<std::string> message;
  };
  for (const Case& wrong : std::vector<Case>{
           {"not set",
            [](Parcel<Files>& parcel) { parcel->add_files(); },
            {"field fdrpc.testing.Files.files[1]: no descriptor is attached"}},
           {"taken",
            [](Parcel<Files>& parcel) {
              parcel.add_files(FileWith("b"));
              EXPECT_TRUE(parcel.take_files(1).ok());
            },
            {"field fdrpc.testing.Files.files[1]: ", "was taken"}},
           {"attached twice",
            [](Parcel<Files>& parcel) {
              *parcel->mutable_first() = parcel->files(0);
            },
            {"attached to another field too, field fdrpc.testing.Files."}},
           {"empty",
            [](Parcel<Files>& parcel) { parcel.add_files(UniqueFd()); },
            {"field fdrpc.testing.Files.files[1]: ", "is empty"}},
           {"of another parcel",
            [](Parcel<Files>& parcel) {
              Parcel<Files> other;
              other.set_first(FileWith("private"));
              *parcel->mutable_first() = other->first();
            },
            {"field fdrpc.testing.Files.first: ", "another parcel"}}}) {
    parcel_ = Parcel<Files>();
    parcel_.add_files(FileWith("a"));
    wrong.spoil(parcel_);
    const absl::Status status = parcel_.PrepareToSend();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << wrong.name;
    for (const std::string& part : wrong.message) {
      EXPECT_THAT(status.message(), HasSubstr(part)) << wrong.name;
    }
  }
}

TEST_F(OutgoingParcelTest, SendsNoTraceOfTheParcel) {
  parcel_.set_first(FileWith("a"));
  EXPECT_NE(parcel_->first().parcel(), 0u);
  ASSERT_TRUE(parcel_.PrepareToSend().ok());
  EXPECT_EQ(parcel_->first().parcel(), 0u);
}

TEST_F(OutgoingParcelTest, RefusesADescriptorInBytesOfTheMessage) {
  Files packed;
  parcel_.Attach(packed.mutable_first(), FileWith("lost"));
  // Any string of a proto2 or editions file, and google.protobuf.Any.
  parcel_->set_text(packed.SerializeAsString());
  ExpectUnsendable("google.protobuf.Any");
}

// Like a plugin's message, whose field names disappear with its code.
class UnloadedParcel final : public ParcelOf<Files> {
 public:
  void Unload() {
    files_.assign(files_.size(), 'x');
    more_.assign(more_.size(), 'x');
    first_.assign(first_.size(), 'x');
  }

 private:
  void VisitSlots(internal::SlotVisitor& visitor) override {
    for (int i = 0; i < message().files_size(); ++i) {
      visitor.Visit(i < 2 ? files_.c_str() : more_.c_str(),
                    *message().mutable_files(i), i);
    }
    if (message().has_first()) {
      visitor.Visit(first_.c_str(), *message().mutable_first());
    }
  }

  std::string files_ = "fdrpc.testing.Files.files";
  std::string more_ = "fdrpc.testing.Files.more_files";
  std::string first_ = "fdrpc.testing.Files.first";
};

TEST_F(OutgoingParcelTest, DescriptorsKnowTheirPlaceWhenItsNameIsGone) {
  UnloadedParcel parcel;
  for (int i = 0; i < 3; ++i) {
    parcel.Attach(parcel->add_files(), FileWith("file"));
  }
  parcel.Attach(parcel->mutable_first(), FileWith("first"));
  ASSERT_TRUE(parcel.PrepareToSend().ok());
  const DescriptorSet set = parcel.TakeDescriptors();
  parcel.Unload();
  ASSERT_EQ(set.size(), 4u);
  EXPECT_EQ(set[0].place(), "field fdrpc.testing.Files.files[0]");
  EXPECT_EQ(set[1].place(), "field fdrpc.testing.Files.files[1]");
  EXPECT_EQ(set[2].place(), "field fdrpc.testing.Files.more_files[2]");
  EXPECT_EQ(set[3].place(), "field fdrpc.testing.Files.first");
}

using IncomingParcelTest = ParcelTest;

TEST_F(IncomingParcelTest, BelievesNoParcelThatTheBytesName) {
  parcel_.set_first(FileWith("mine"));
  Fd stolen = parcel_->first();
  Parcel<Files> received;
  *received->add_files() = stolen;
  ASSERT_TRUE(received.Accept(NumberedFiles(1)).ok());
  EXPECT_EQ(ReadRest(received.files(0)), "1");
  EXPECT_NE(received->files(0).parcel(), stolen.parcel());
}

TEST_F(IncomingParcelTest, TakesOverTheSetThatItsSlotsName) {
  AddSlots({3, 1});
  parcel_->mutable_first()->set_slot(2);
  ASSERT_TRUE(Accept(3).ok());
  EXPECT_EQ(ReadRest(parcel_.take_files(0).get()), "3");
  EXPECT_EQ(ReadRest(parcel_.take_files(1).get()), "1");
  EXPECT_EQ(ReadRest(parcel_.take_first().get()), "2");
}

TEST_F(IncomingParcelTest, AcceptsNoDescriptorsForNoFields) {
  EXPECT_TRUE(Accept(0).ok());
}

TEST_F(IncomingParcelTest, RefusesSlotsThatDoNotAgreeWithTheSet) {
  struct Case {
    const char* name;
    std::vector<uint32_t> slots;
    int count;
    const char* message;
  };
  for (const Case& wrong :
       {Case{"out of range", {3}, 2, "names descriptor 3 of 2"},
        Case{"one behind the end", {1, 2, 4}, 3, "names descriptor 4 of 3"},
        Case{"huge", {0xffffffff}, 1, "names descriptor 4294967295 of 1"},
        Case{"zero", {0}, 1, "names descriptor 0 of 1"},
        Case{"zero of none", {0}, 0, "names descriptor 0 of 0"},
        Case{"of none", {1}, 0, "names descriptor 1 of 0"},
        Case{"named twice", {1, 1}, 1, "another field names too"},
        Case{"named twice of two", {2, 2}, 2, "another field names too"},
        Case{"not named", {1}, 2, "descriptor 2 of 2"},
        Case{"none named", {}, 1, "descriptor 1 of 1"},
        Case{"first not named", {2, 3}, 3, "descriptor 1 of 3"}}) {
    parcel_ = Parcel<Files>();
    for (const uint32_t slot : wrong.slots) AddSlots({slot});
    const absl::Status status = Accept(wrong.count);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << wrong.name;
    EXPECT_THAT(status.message(), HasSubstr(wrong.message)) << wrong.name;
    EXPECT_EQ(TakeCensus(), before_) << wrong.name << ": the set is closed";
  }
}

TEST_F(IncomingParcelTest, ErrorsNameTheField) {
  parcel_->mutable_first()->set_slot(7);
  EXPECT_THAT(Accept(1).message(), HasSubstr("fdrpc.testing.Files.first"));
}

TEST_F(IncomingParcelTest, ClosesWhatNobodyTakes) {
  AddSlots({1, 2, 3});
  ASSERT_TRUE(Accept(3).ok());
  EXPECT_TRUE(parcel_.take_files(1).ok());
}

TEST_F(IncomingParcelTest, CanBeSentOn) {
  AddSlots({2, 1});
  ASSERT_TRUE(Accept(2).ok());
  ASSERT_TRUE(parcel_.PrepareToSend().ok());
  EXPECT_EQ(Contents(parcel_.TakeDescriptors()), "21");
}

}  // namespace
}  // namespace fdrpc::testing
