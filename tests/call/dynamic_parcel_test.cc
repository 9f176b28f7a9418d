#include "fdrpc/dynamic_parcel.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fdrpc/dynamic_method.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::Message;
using ::testing::ElementsAre;
using testing::FileWith;
using ::testing::HasSubstr;
using testing::ReadRest;

// Types that this program has no code for.
class DynamicTypes {
 public:
  DynamicTypes() {
    google::protobuf::FileDescriptorProto fd;
    Fd::descriptor()->file()->CopyTo(&fd);
    pool_.BuildFile(fd);
    google::protobuf::FileDescriptorProto file;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
      name: "x.proto" package: "x" syntax: "proto3"
      dependency: "fdrpc/fd.proto"
      message_type {
        name: "Tree"
        field { name: "fd" number: 1 label: LABEL_OPTIONAL
                type: TYPE_MESSAGE type_name: ".fdrpc.Fd" }
        field { name: "more" number: 2 label: LABEL_REPEATED
                type: TYPE_MESSAGE type_name: ".fdrpc.Fd" }
        field { name: "by_name" number: 3 label: LABEL_REPEATED
                type: TYPE_MESSAGE type_name: ".x.Tree.ByNameEntry" }
        field { name: "child" number: 4 label: LABEL_OPTIONAL
                type: TYPE_MESSAGE type_name: ".x.Tree" }
        nested_type {
          name: "ByNameEntry"
          field { name: "key" number: 1 label: LABEL_OPTIONAL
                  type: TYPE_STRING }
          field { name: "value" number: 2 label: LABEL_OPTIONAL
                  type: TYPE_MESSAGE type_name: ".fdrpc.Fd" }
          options { map_entry: true }
        }
      }
      message_type { name: "Plain" }
      service {
        name: "S"
        method { name: "Up" input_type: ".x.Tree" output_type: ".x.Plain"
                 client_streaming: true }
        method { name: "Down" input_type: ".x.Plain" output_type: ".x.Tree"
                 server_streaming: true }
        method { name: "Tell" input_type: ".x.Plain" output_type: ".x.Plain" }
      })",
                                                              &file));
    // As protoc writes the option, for a pool that does not know it.
    file.mutable_service(0)
        ->mutable_method(2)
        ->mutable_options()
        ->ParseFromString("\xfa\xa9\x19\x02\x08\x01");
    EXPECT_NE(pool_.BuildFile(file), nullptr);
  }

  std::unique_ptr<Message> New(const std::string& name) {
    return std::unique_ptr<Message>(
        factory_.GetPrototype(pool_.FindMessageTypeByName(name))->New());
  }
  const google::protobuf::MethodDescriptor& Method(const std::string& name) {
    return *pool_.FindMethodByName(name);
  }

 private:
  DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
};

std::vector<std::string> Places(DynamicParcel& parcel) {
  std::vector<std::string> places;
  parcel.ForEachField(
      [&](Message&, const std::string& place) { places.push_back(place); });
  return places;
}

// Of a peer's schema, for example: such a message is an ordinary one.
TEST(DynamicParcel, TakesNoOtherMessageForAnFd) {
  for (const char* const fields :
       {"", "field { name: 'slot' number: 1 type: TYPE_STRING }",
        "field { name: 'slot' number: 1 type: TYPE_UINT32 }",
        "field { name: 'slot' number: 1 type: TYPE_UINT32 label: LABEL_REPEATED"
        " } field { name: 'parcel' number: 2 type: TYPE_UINT64 }"}) {
    DescriptorPool pool;
    google::protobuf::FileDescriptorProto file;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
        "name: 'f.proto' package: 'fdrpc' syntax: 'proto3' message_type { "
        "name: 'Fd' " +
            std::string(fields) + " }",
        &file));
    ASSERT_NE(pool.BuildFile(file), nullptr) << fields;
    google::protobuf::DynamicMessageFactory factory;
    DynamicParcel parcel(std::unique_ptr<Message>(
        factory.GetPrototype(pool.FindMessageTypeByName("fdrpc.Fd"))->New()));
    EXPECT_THAT(Places(parcel), ::testing::IsEmpty()) << fields;
  }
}

TEST(DynamicParcel, HasDescriptorsWhereverAMessageHasFields) {
  const testing::ExpectSameDescriptors same;
  DynamicTypes types;
  DynamicParcel sent(types.New("x.Tree"));
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "fd {} more {} more {} child { by_name { key: 'k' value {} } }",
      &sent.message()));
  const std::vector<std::string> places = {"fd", "more[0]", "more[1]",
                                           "child.by_name[k]"};
  EXPECT_EQ(Places(sent), places);
  int number = 0;
  sent.ForEachField([&](Message& field, const std::string&) {
    EXPECT_EQ(sent.Borrow(field), -1);
    sent.Attach(field, FileWith(std::to_string(number++)));
    EXPECT_GE(sent.Borrow(field), 0);
  });
  ASSERT_TRUE(sent.PrepareToSend().ok());

  DynamicParcel received(types.New("x.Tree"));
  ASSERT_TRUE(
      received.message().ParseFromString(sent.message().SerializeAsString()));
  ASSERT_TRUE(received.Accept(sent.TakeDescriptors()).ok());
  EXPECT_EQ(Places(received), places);
  number = 0;
  received.ForEachField([&](Message& field, const std::string&) {
    const UniqueFd fd = received.Take(field);
    ASSERT_TRUE(fd.ok());
    EXPECT_EQ(ReadRest(fd.get()), std::to_string(number++));
  });
}

TEST(DynamicParcel, UnderstandsGeneratedParcels) {
  const testing::ExpectSameDescriptors same;
  Parcel<testing::Files> sent;
  sent.add_files(FileWith("a"));
  sent.set_first(FileWith("b"));
  ASSERT_TRUE(sent.PrepareToSend().ok());
  DynamicParcel received(std::make_unique<testing::Files>());
  ASSERT_TRUE(received.message().ParseFromString(sent->SerializeAsString()));
  ASSERT_TRUE(received.Accept(sent.TakeDescriptors()).ok());
  EXPECT_THAT(Places(received), ElementsAre("files[0]", "first"));
  EXPECT_EQ(received.ListDescriptors().size(), 2u);
}

TEST(DynamicParcel, RefusesFieldsWithoutADescriptorAndWrongSlots) {
  const testing::ExpectSameDescriptors same;
  DynamicTypes types;
  DynamicParcel parcel(types.New("x.Tree"));
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString("child { more {} }",
                                                            &parcel.message()));
  const absl::Status unattached = parcel.PrepareToSend();
  EXPECT_TRUE(absl::IsInvalidArgument(unattached));
  EXPECT_THAT(std::string(unattached.message()),
              HasSubstr("x.Tree.child.more[0]"));

  DynamicParcel received(types.New("x.Tree"));
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "fd { slot: 2 }", &received.message()));
  DescriptorSet set;
  set.push_back(FileWith("x"));
  EXPECT_TRUE(absl::IsInternal(received.Accept(std::move(set))));
}

TEST(DynamicParcel, OfATypeWithoutDescriptorsIsAPlainMessage) {
  DynamicTypes types;
  DynamicParcel parcel(types.New("x.Plain"));
  EXPECT_TRUE(parcel.PrepareToSend().ok());
  EXPECT_TRUE(parcel.TakeDescriptors().empty());
}

TEST(DynamicMethod, IsWhatItsDescriptorSays) {
  DynamicTypes types;
  const DynamicMethod up(types.Method("x.S.Up"));
  EXPECT_EQ(up.method().full_name, "x.S/Up");
  EXPECT_EQ(up.method().kind, MethodKind::kClientStreaming);
  EXPECT_TRUE(up.method().request_has_descriptors);
  EXPECT_FALSE(up.method().reply_has_descriptors);
  EXPECT_FALSE(up.method().one_way);
  const DynamicMethod down(types.Method("x.S.Down"));
  EXPECT_EQ(down.method().kind, MethodKind::kServerStreaming);
  EXPECT_TRUE(down.method().reply_has_descriptors);
  const DynamicMethod tell(types.Method("x.S.Tell"));
  EXPECT_EQ(tell.method().kind, MethodKind::kUnary);
  EXPECT_TRUE(tell.method().one_way);
}

TEST(DynamicMethod, IsThatOfGeneratedCode) {
  testing::TestService::Service service;
  const auto* descriptor =
      testing::Files::descriptor()->file()->FindServiceByName("TestService");
  for (int i = 0; i < descriptor->method_count(); ++i) {
    const Method& generated = *service.method_handlers()[i].method;
    const DynamicMethod dynamic(*descriptor->method(i));
    EXPECT_EQ(dynamic.method().full_name, generated.full_name);
    EXPECT_EQ(dynamic.method().kind, generated.kind);
    EXPECT_EQ(dynamic.method().request_has_descriptors,
              generated.request_has_descriptors);
    EXPECT_EQ(dynamic.method().reply_has_descriptors,
              generated.reply_has_descriptors);
    EXPECT_EQ(dynamic.method().request_has_any, generated.request_has_any);
  }
}

}  // namespace
}  // namespace fdrpc
