// Generated parcels: descriptors are set, sent, accepted and taken, for every
// way in which a message can hold one.

#include "fdrpc/parcel.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated/sent_parcel.h"
#include "tests/codegen/generated/visited_fields.h"
#include "tests/codegen/protos/forwarding.fdrpc.h"
#include "tests/codegen/protos/package_nested.fdrpc.h"
#include "tests/codegen/protos/services.fdrpc.h"
#include "tests/codegen/protos/shapes.fdrpc.h"
#include "tests/codegen/protos/shapes_proto2.fdrpc.h"

namespace fdrpc {
namespace {

using test::shapes::Maps;
using test::shapes::OneOf;
using test::shapes::Outer;
using test::shapes::Ping;
using test::shapes::Repeated;
using test::shapes::Singular;
using test::shapes::Tree;
using test::shapes_proto2::Proto2;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using GeneratedParcelTest = SentParcelTest;

template <typename Message>
concept HasParcel = requires {
  sizeof(Parcel<Message>);
};

TEST_F(GeneratedParcelTest, ExistsForTypesWithDescriptorsAlone) {
  EXPECT_TRUE(HasParcel<Fd>);
  EXPECT_TRUE(HasParcel<Outer>);
  EXPECT_TRUE(HasParcel<test::shapes::Outer_Inner_Innermost>);
  EXPECT_TRUE(HasParcel<Ping>);
  EXPECT_FALSE(HasParcel<test::shapes::Outer_WithoutDescriptors>);
  EXPECT_FALSE(HasParcel<test::shapes::Chicken>);
  EXPECT_FALSE(HasParcel<test::shapes::Egg>);
  EXPECT_FALSE(HasParcel<test::shapes::Fd>);
  EXPECT_FALSE(HasParcel<test::shapes::HasOwnFd>);
}

TEST_F(GeneratedParcelTest, MovesAndDoesNotCopy) {
  EXPECT_TRUE(std::is_nothrow_default_constructible_v<Parcel<Singular>> ||
              std::is_default_constructible_v<Parcel<Singular>>);
  EXPECT_TRUE(std::is_move_constructible_v<Parcel<Singular>>);
  EXPECT_TRUE(std::is_move_assignable_v<Parcel<Singular>>);
  EXPECT_FALSE(std::is_copy_constructible_v<Parcel<Singular>>);
  EXPECT_FALSE(std::is_copy_assignable_v<Parcel<Singular>>);
}

TEST_F(GeneratedParcelTest, IsMadeFromAMessage) {
  Singular message;
  message.set_text("hello");
  Parcel<Singular> parcel(message);
  EXPECT_EQ(parcel->text(), "hello");
  EXPECT_FALSE(parcel.has_plain());
}

TEST_F(GeneratedParcelTest, SetsAndTakesASingularField) {
  Parcel<Singular> parcel;
  EXPECT_FALSE(parcel.has_plain());
  EXPECT_EQ(parcel.plain(), -1);
  EXPECT_FALSE(parcel.take_plain().ok());

  UniqueFd fd = OpenFile();
  const int number = fd.get();
  parcel.set_plain(std::move(fd));
  EXPECT_TRUE(parcel.has_plain());
  EXPECT_EQ(parcel.plain(), number);
  EXPECT_FALSE(parcel.has_optional_one());

  UniqueFd taken = parcel.take_plain();
  EXPECT_EQ(taken.get(), number);
  EXPECT_EQ(parcel.plain(), -1);
  EXPECT_FALSE(parcel.take_plain().ok());
}

TEST_F(GeneratedParcelTest, TakingLeavesTheFieldAndClearingRemovesIt) {
  Parcel<Singular> parcel;
  parcel.set_plain(OpenFile());
  parcel = SendAndAccept(std::move(parcel));
  UniqueFd taken = parcel.take_plain();
  EXPECT_TRUE(parcel.has_plain());
  EXPECT_TRUE(parcel->has_plain());
  EXPECT_THAT(std::string(parcel.PrepareToSend().message()),
              HasSubstr("was taken"));

  parcel.clear_plain();
  EXPECT_GE(fcntl(taken.get(), F_GETFD), 0) << "it has another owner";
  EXPECT_FALSE(parcel.has_plain());
  EXPECT_EQ(parcel.PrepareToSend(), absl::OkStatus());
  EXPECT_THAT(parcel.TakeDescriptors(), IsEmpty());

  parcel.set_plain(OpenFile());
  EXPECT_TRUE(parcel.take_plain().ok());
  parcel.set_plain(OpenFile());
  EXPECT_EQ(parcel.PrepareToSend(), absl::OkStatus());
}

TEST_F(GeneratedParcelTest, SetsASharedDescriptorWithoutDuplicatingIt) {
  const SharedFd shared(OpenFile());
  Parcel<Singular> one;
  Parcel<Singular> other;
  one.set_plain(shared);
  other.set_optional_one(shared);
  EXPECT_EQ(one.plain(), shared.get());
  EXPECT_EQ(other.optional_one(), shared.get());
}

TEST_F(GeneratedParcelTest, ClosesWhatItClearsAtOnce) {
  const std::vector<int> before = OpenDescriptors();
  Parcel<Singular> parcel;
  parcel.clear_plain();
  parcel.set_plain(OpenFile());
  parcel.clear_plain();
  EXPECT_FALSE(parcel.has_plain());
  EXPECT_EQ(OpenDescriptors(), before);
  EXPECT_EQ(parcel.PrepareToSend(), absl::OkStatus());
  EXPECT_THAT(parcel.TakeDescriptors(), IsEmpty());
}

TEST_F(GeneratedParcelTest, CarriesSingularFields) {
  Parcel<Singular> parcel;
  UniqueFd optional_one = OpenFile();
  UniqueFd plain = OpenFile();
  const int optional_number = optional_one.get();
  const int plain_number = plain.get();
  parcel.set_optional_one(std::move(optional_one));
  parcel.set_plain(std::move(plain));
  EXPECT_THAT(Visited(parcel),
              ElementsAre("fdrpc.test.shapes.Singular.plain",
                          "fdrpc.test.shapes.Singular.optional_one"));
  Parcel<Singular> received = SendAndAccept(std::move(parcel));
  EXPECT_EQ(received.optional_one(), optional_number);
  EXPECT_EQ(received.take_plain().get(), plain_number);
}

TEST_F(GeneratedParcelTest, CarriesRepeatedFields) {
  Parcel<Repeated> parcel;
  std::vector<int> numbers;
  for (int i = 0; i < 3; ++i) {
    UniqueFd fd = OpenFile();
    numbers.push_back(fd.get());
    parcel.add_files(std::move(fd));
  }
  parcel.add_files(SharedFd(OpenFile()));
  EXPECT_EQ(parcel.files_size(), 4);
  Parcel<Repeated> received = SendAndAccept(std::move(parcel));
  ASSERT_EQ(received.files_size(), 4);
  EXPECT_EQ(received.take_files(1).get(), numbers[1]);
  EXPECT_EQ(received.files(0), numbers[0]);
  EXPECT_EQ(received.files(1), -1);
  EXPECT_EQ(received.files(2), numbers[2]);
}

TEST_F(GeneratedParcelTest, CarriesMapsOfEveryKeyType) {
  Parcel<Maps> parcel;
  UniqueFd named = OpenFile();
  const int number = named.get();
  parcel.set_by_name("out", std::move(named));
  parcel.set_by_name("err", SharedFd(OpenFile()));
  parcel.set_by_bool(false, OpenFile());
  parcel.set_by_bool(true, OpenFile());
  parcel.set_by_int32(-1, OpenFile());
  parcel.set_by_int64(-1, OpenFile());
  parcel.set_by_uint32(1, OpenFile());
  parcel.set_by_uint64(1, OpenFile());
  parcel.set_by_sint32(-1, OpenFile());
  parcel.set_by_fixed64(1, OpenFile());
  EXPECT_EQ(Visited(parcel).size(), 10u);

  Parcel<Maps> received = SendAndAccept(std::move(parcel));
  EXPECT_EQ(received.by_name_size(), 2);
  EXPECT_TRUE(received.has_by_name("out"));
  EXPECT_FALSE(received.has_by_name("in"));
  EXPECT_EQ(received.by_name("in"), -1);
  EXPECT_FALSE(received.take_by_name("in").ok());
  EXPECT_EQ(received.by_name_size(), 2);
  EXPECT_EQ(received.by_name("out"), number);
  EXPECT_EQ(received.take_by_name("out").get(), number);
  EXPECT_TRUE(received.take_by_bool(true).ok());
  EXPECT_TRUE(received.take_by_int32(-1).ok());
  EXPECT_TRUE(received.take_by_int64(-1).ok());
  EXPECT_TRUE(received.take_by_uint32(1).ok());
  EXPECT_TRUE(received.take_by_uint64(1).ok());
  EXPECT_TRUE(received.take_by_sint32(-1).ok());
  EXPECT_TRUE(received.take_by_fixed64(1).ok());
}

TEST_F(GeneratedParcelTest, ClosesWhatAnotherValueOfAMapReplaces) {
  const std::vector<int> before = OpenDescriptors();
  Parcel<Maps> parcel;
  parcel.set_by_name("out", OpenFile());
  parcel.set_by_name("out", OpenFile());
  EXPECT_EQ(OpenDescriptors().size(), before.size() + 1);
}

TEST_F(GeneratedParcelTest, CarriesTheMemberOfAOneofThatIsSet) {
  Parcel<OneOf> parcel;
  parcel.set_left(OpenFile());
  parcel.set_right(OpenFile());
  EXPECT_FALSE(parcel.has_left());
  EXPECT_EQ(parcel.left(), -1);
  EXPECT_THAT(Visited(parcel), ElementsAre("fdrpc.test.shapes.OneOf.right"));
  Parcel<OneOf> received = SendAndAccept(std::move(parcel));
  EXPECT_FALSE(received.has_left());
  EXPECT_TRUE(received.take_right().ok());
}

TEST_F(GeneratedParcelTest, VisitsNothingInAOneofWithoutDescriptor) {
  Parcel<OneOf> parcel;
  parcel->set_neither("text");
  EXPECT_THAT(Visited(parcel), IsEmpty());
  EXPECT_EQ(parcel->either_case(), OneOf::kNeither);
}

TEST_F(GeneratedParcelTest, CarriesNestedMessages) {
  Parcel<Outer> parcel;
  parcel.Attach(parcel->mutable_inner()->mutable_innermost()->mutable_file(),
                OpenFile());
  parcel.Attach(parcel->add_inners()->mutable_innermost()->mutable_file(),
                OpenFile());
  parcel->add_inners();
  parcel.Attach((*parcel->mutable_inner_by_name())["a"]
                    .mutable_innermost()
                    ->mutable_file(),
                OpenFile());
  parcel->mutable_without()->set_text("text");
  parcel->mutable_any();
  EXPECT_THAT(Visited(parcel),
              ElementsAre("fdrpc.test.shapes.Outer.Inner.Innermost.file",
                          "fdrpc.test.shapes.Outer.Inner.Innermost.file",
                          "fdrpc.test.shapes.Outer.Inner.Innermost.file"));
  Parcel<Outer> received = SendAndAccept(std::move(parcel));
  EXPECT_TRUE(received.Take(received->inner().innermost().file()).ok());
  EXPECT_TRUE(
      received.Take(received->inner_by_name().at("a").innermost().file()).ok());
}

TEST_F(GeneratedParcelTest, CarriesTypesThatContainThemselves) {
  Parcel<Tree> parcel;
  parcel.set_file(OpenFile());
  parcel.Attach(parcel->mutable_left()->mutable_right()->mutable_file(),
                OpenFile());
  parcel.Attach(parcel->add_children()->mutable_file(), OpenFile());
  parcel.Attach(
      (*parcel->mutable_by_number())[7].mutable_left()->mutable_file(),
      OpenFile());
  EXPECT_EQ(Visited(parcel).size(), 4u);
  Parcel<Tree> received = SendAndAccept(std::move(parcel));
  EXPECT_TRUE(received.take_file().ok());
  EXPECT_TRUE(received.Take(received->left().right().file()).ok());
  EXPECT_TRUE(received.Take(received->by_number().at(7).left().file()).ok());

  Parcel<Ping> ping;
  ping.Attach(ping->mutable_pong()->mutable_file(), OpenFile());
  ping.Attach(
      ping->mutable_pong()->mutable_ping()->mutable_pong()->mutable_file(),
      OpenFile());
  Parcel<Ping> pong = SendAndAccept(std::move(ping));
  EXPECT_TRUE(pong.Take(pong->pong().ping().pong().file()).ok());
}

TEST_F(GeneratedParcelTest, DoesNotCreateWhatItVisits) {
  Parcel<Tree> tree;
  EXPECT_THAT(Visited(tree), IsEmpty());
  EXPECT_EQ(tree->ByteSizeLong(), 0u);
  Parcel<Proto2> proto2;
  EXPECT_THAT(Visited(proto2), IsEmpty());
  EXPECT_EQ(proto2->ByteSizeLong(), 0u);
}

TEST_F(GeneratedParcelTest, CarriesWhatProto2Has) {
  Parcel<Proto2> parcel;
  parcel.set_needed(OpenFile());
  parcel.set_wanted(OpenFile());
  parcel.add_many(OpenFile());
  parcel.set_by_name("a", OpenFile());
  parcel.set_left(OpenFile());
  parcel.Attach(parcel->mutable_again()->mutable_needed(), OpenFile());
  parcel->mutable_limits()->set_soft(1);
  parcel.Attach(parcel->mutable_limits()->mutable_file(), OpenFile());
  parcel.Attach(parcel->add_entry()->mutable_file(), OpenFile());
  parcel->SetExtension(test::shapes_proto2::note, "note");
  EXPECT_THAT(
      Visited(parcel),
      UnorderedElementsAre("fdrpc.test.shapes_proto2.Proto2.needed",
                           "fdrpc.test.shapes_proto2.Proto2.wanted",
                           "fdrpc.test.shapes_proto2.Proto2.many",
                           "fdrpc.test.shapes_proto2.Proto2.by_name",
                           "fdrpc.test.shapes_proto2.Proto2.left",
                           "fdrpc.test.shapes_proto2.Proto2.Limits.file",
                           "fdrpc.test.shapes_proto2.Proto2.Entry.file",
                           "fdrpc.test.shapes_proto2.Proto2.needed"));
  Parcel<Proto2> received = SendAndAccept(std::move(parcel));
  EXPECT_TRUE(received.take_needed().ok());
  EXPECT_TRUE(received.take_left().ok());
  EXPECT_TRUE(received.Take(received->again().needed()).ok());
  EXPECT_EQ(received->limits().soft(), 1u);
  EXPECT_TRUE(received.Take(received->limits().file()).ok());
  EXPECT_TRUE(received.Take(received->entry(0).file()).ok());
  EXPECT_EQ(received->GetExtension(test::shapes_proto2::note), "note");
}

TEST_F(GeneratedParcelTest, CarriesAnFdThatIsTheMessage) {
  Parcel<Fd> parcel;
  EXPECT_FALSE(parcel.has_fd());
  EXPECT_FALSE(parcel.PrepareToSend().ok());
  parcel.set_fd(OpenFile());
  parcel.clear_fd();
  EXPECT_FALSE(parcel.has_fd());
  UniqueFd fd = OpenFile();
  const int number = fd.get();
  parcel.set_fd(std::move(fd));
  EXPECT_THAT(Visited(parcel), ElementsAre("fdrpc.Fd"));
  Parcel<Fd> received = SendAndAccept(std::move(parcel));
  EXPECT_TRUE(received.has_fd());
  EXPECT_EQ(received.fd(), number);
  EXPECT_EQ(received.take_fd().get(), number);
}

}  // namespace
}  // namespace fdrpc
