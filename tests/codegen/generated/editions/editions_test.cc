// Generated code of files in editions, for a Protocol Buffers that has them.

#include <utility>

#include "gtest/gtest.h"
#include "tests/codegen/generated/sent_parcel.h"
#include "tests/codegen/protos/editions/edition_2023.mock.fdrpc.h"
#include "tests/codegen/protos/editions/edition_2024.mock.fdrpc.h"
#include "tests/codegen/protos/editions/edition_2026.mock.fdrpc.h"

namespace fdrpc {
namespace {

using EditionsTest = SentParcelTest;

TEST_F(EditionsTest, DescriptorsTravelInFieldsOfEveryFormAndEncoding) {
  using test::edition2023::Leaf;
  using test::edition2023::Tree;
  Parcel<Tree> parcel;
  parcel.Attach(parcel->mutable_first_leaf()->mutable_file(), OpenFile());
  parcel.Attach(parcel->add_leaves()->mutable_file(), OpenFile());
  parcel.Attach((*parcel->mutable_by_name())["a"].mutable_file(), OpenFile());
  parcel.set_lock(OpenFile());
  parcel.add_logs(OpenFile());
  parcel.add_logs(OpenFile());
  parcel.set_files("b", OpenFile());
  parcel.Attach(parcel->mutable_leaf()->mutable_file(), OpenFile());
  parcel.set_needed(OpenFile());
  parcel.set_prefixed(OpenFile());
  Tree& subtree = *parcel->mutable_subtree();
  parcel.Attach(subtree.mutable_needed(), OpenFile());
  parcel.Attach(subtree.mutable_bare(), OpenFile());

  Parcel<Tree> received = SendAndAccept(std::move(parcel));
  EXPECT_TRUE(received.Take(received->first_leaf().file()).ok());
  EXPECT_TRUE(received.Take(received->leaves(0).file()).ok());
  EXPECT_TRUE(received.Take(received->by_name().at("a").file()).ok());
  EXPECT_TRUE(received.take_lock().ok());
  EXPECT_TRUE(received.take_logs(1).ok());
  EXPECT_TRUE(received.take_files("b").ok());
  EXPECT_FALSE(received.has_bare());
  EXPECT_TRUE(received.Take(received->leaf().file()).ok());
  EXPECT_TRUE(received.take_needed().ok());
  EXPECT_TRUE(received.take_prefixed().ok());
  EXPECT_TRUE(received.Take(received->subtree().needed()).ok());
  EXPECT_TRUE(received.Take(received->subtree().bare()).ok());
}

TEST_F(EditionsTest, DescriptorsTravelInLocalMessages) {
  using test::edition2024::Item;
  Parcel<Item> parcel;
  parcel.set_file(OpenFile());
  parcel.Attach((*parcel->mutable_parts())["a"].mutable_file(), OpenFile());
  Parcel<Item> received = SendAndAccept(std::move(parcel));
  EXPECT_TRUE(received.take_file().ok());
  EXPECT_TRUE(received.Take(received->parts().at("a").file()).ok());
}

TEST_F(EditionsTest, CodeStandsInTheNamespaceThatAnOptionNames) {
  using elsewhere::renamed::Item;
  Parcel<Item> parcel;
  parcel.set_file(OpenFile());
  parcel.Attach(parcel->mutable_older()->mutable_file(), OpenFile());
  Parcel<Item> received = SendAndAccept(std::move(parcel));
  EXPECT_TRUE(received.take_file().ok());
  EXPECT_TRUE(received.Take(received->older().file()).ok());

  elsewhere::renamed::MockStore store;
  elsewhere::renamed::Store::Service& service = store;
  EXPECT_EQ(service.full_name(), "fdrpc.test.edition2026.Store");
}

}  // namespace
}  // namespace fdrpc
