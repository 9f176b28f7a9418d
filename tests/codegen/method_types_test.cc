#include "codegen/method_types.h"

#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {
namespace {

class MethodTypesTest : public ::testing::Test {
 protected:
  ProtoFiles files_;
  const google::protobuf::ServiceDescriptor& service_ =
      *files_
           .AddProto3("x.proto", R"(
          message Plain {}
          message WithFd { fdrpc.Fd fd = 1; }
          service S {
            rpc A(Plain) returns (stream WithFd);
            rpc B(stream WithFd) returns (Plain);
          })")
           .service(0);
};

TEST_F(MethodTypesTest, AreMessagesOrParcels) {
  DescriptorFields fields;
  const MethodTypes a(*service_.method(0), fields);
  EXPECT_FALSE(a.request_has_descriptors);
  EXPECT_TRUE(a.reply_has_descriptors);
  EXPECT_EQ(a.request, "::test::Plain");
  EXPECT_EQ(a.reply, "::fdrpc::Parcel<::test::WithFd>");
  const MethodTypes b(*service_.method(1), fields);
  EXPECT_TRUE(b.request_has_descriptors);
  EXPECT_FALSE(b.reply_has_descriptors);
  EXPECT_EQ(b.request, "::fdrpc::Parcel<::test::WithFd>");
  EXPECT_EQ(b.reply, "::test::Plain");
}

TEST_F(MethodTypesTest, SendParcelsByValueAndHandThemOverToBeEmptied) {
  DescriptorFields fields;
  const MethodTypes a(*service_.method(0), fields);
  EXPECT_EQ(a.sent_request, "const ::test::Plain&");
  EXPECT_EQ(a.received_request, "const ::test::Plain&");
  const MethodTypes b(*service_.method(1), fields);
  EXPECT_EQ(b.sent_request, "::fdrpc::Parcel<::test::WithFd>");
  EXPECT_EQ(b.received_request, "::fdrpc::Parcel<::test::WithFd>&");
}

TEST_F(MethodTypesTest, StandForPlaceholders) {
  DescriptorFields fields;
  const MethodTypes types(*service_.method(0), fields);
  EXPECT_EQ(types.FillIn("F<$request$, $reply$> $other$"),
            "F<::test::Plain, ::fdrpc::Parcel<::test::WithFd>> $other$");
  EXPECT_EQ(types.FillIn("$sent_request$ $received_request$"),
            "const ::test::Plain& const ::test::Plain&");
}

}  // namespace
}  // namespace fdrpc::codegen
