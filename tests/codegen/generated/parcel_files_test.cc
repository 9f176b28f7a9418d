// Generated parcels of messages with unusual places, runtimes and names: those
// of imported files, of the lite runtime, and with the names of other code.
#include "fdrpc/parcel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated/sent_parcel.h"
#include "tests/codegen/generated/visited_fields.h"
#include "tests/codegen/protos/importing.fdrpc.h"
#include "tests/codegen/protos/keywords.fdrpc.h"
#include "tests/codegen/protos/lite.fdrpc.h"
#include "tests/codegen/protos/our_names.fdrpc.h"

namespace fdrpc {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using GeneratedParcelTest = SentParcelTest;

TEST_F(GeneratedParcelTest, CarriesMessagesOfImportedFiles) {
  Parcel<test::importing::Holder> parcel;
  parcel.Attach(parcel->mutable_file()->mutable_file(), OpenFile());
  parcel.Attach((*parcel->mutable_trees())["oak"].mutable_file(), OpenFile());
  parcel.set_checked(OpenFile());
  EXPECT_THAT(Visited(parcel),
              ElementsAre("fdrpc.test.imported.File.file",
                          "fdrpc.test.shapes.Tree.file",
                          "fdrpc.test.importing.Holder.checked"));
  Parcel<test::importing::Holder> received = SendAndAccept(std::move(parcel));
  EXPECT_TRUE(received.Take(received->file().file()).ok());
}

TEST_F(GeneratedParcelTest, CarriesMessagesOfTheLiteRuntime) {
  Parcel<test::lite::LiteReply> parcel;
  parcel.set_file(OpenFile());
  parcel.add_more(OpenFile());
  parcel.Attach((*parcel->mutable_nested())["a"].mutable_file(), OpenFile());
  Parcel<test::lite::LiteReply> received = SendAndAccept(std::move(parcel));
  EXPECT_TRUE(received.take_more(0).ok());
  EXPECT_TRUE(received.Take(received->nested().at("a").file()).ok());
}

TEST_F(GeneratedParcelTest, OfTheLiteRuntimeIsPrintedWithoutItsFields) {
  Parcel<test::lite::LiteReply> parcel;
  parcel.set_file(OpenFile());
  EXPECT_THAT(::testing::PrintToString(parcel),
              AllOf(StartsWith("Parcel of fdrpc.test.lite.LiteReply {"),
                    HasSubstr("} with descriptor ")));
}

TEST_F(GeneratedParcelTest, HasAccessorsForFieldsWithOurNames) {
  Parcel<test::our_names::Members> parcel;
  parcel.set_message(OpenFile());
  parcel.set_message_(OpenFile());
  parcel.set_lite_message(OpenFile());
  parcel.set_descriptors_(OpenFile());
  parcel.set_move("a", OpenFile());
  EXPECT_GE(parcel.message_(), 0);
  EXPECT_GE(parcel.message__(), 0);
  EXPECT_GE(parcel.lite_message_(), 0);
  EXPECT_GE(parcel.descriptors_(), 0);
  EXPECT_TRUE(parcel.message().has_message());
  Parcel<test::our_names::Members> received = SendAndAccept(std::move(parcel));
  EXPECT_TRUE(received.take_message_().ok());
  EXPECT_TRUE(received.take_move("a").ok());

  Parcel<test::our_names::SlotVisitor> nested;
  nested.Attach(nested->mutable_parcel_of()->mutable_parcel()->mutable_file(),
                OpenFile());
  EXPECT_THAT(Visited(nested), ElementsAre("fdrpc.test.our_names.Parcel.file"));
}

TEST_F(GeneratedParcelTest, HasAccessorsForFieldsWithTheNamesOfKeywords) {
  Parcel<test::keywords::operator_> parcel;
  parcel.set_class_(OpenFile());
  parcel.add_delete_(OpenFile());
  parcel.set_switch_("a", OpenFile());
  parcel.set_mixedcase(OpenFile());
  parcel.set_stdin(OpenFile());
  EXPECT_GE(parcel.class_(), 0);
  EXPECT_EQ(parcel.delete__size(), 1);
  Parcel<test::keywords::operator_> received = SendAndAccept(std::move(parcel));
  EXPECT_TRUE(received.take_class_().ok());
  EXPECT_TRUE(received.take_delete_(0).ok());
  EXPECT_TRUE(received.take_switch_("a").ok());
}

}  // namespace
}  // namespace fdrpc
