#include "codegen/method_kind.h"

#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {
namespace {

TEST(ByKind, TellsTheFourKindsAndOneWayMethodsApart) {
  ProtoFiles files;
  const auto& service = *files
                             .AddProto3("x.proto", R"(
      import "fdrpc/options.proto";
      message M {}
      service S {
        rpc A(M) returns (M);
        rpc B(stream M) returns (M);
        rpc C(M) returns (stream M);
        rpc D(stream M) returns (stream M);
        rpc E(M) returns (M) { option (fdrpc.method_rules).one_way = true; }
        rpc F(M) returns (M) { option (fdrpc.method_rules).one_way = false; }
      })")
                             .service(0);
  constexpr ByKind<char> kInitials = {.unary = 'u',
                                      .client_streaming = 'c',
                                      .server_streaming = 's',
                                      .bidirectional = 'b',
                                      .one_way = 'o'};
  EXPECT_EQ(kInitials.Of(*service.method(0)), 'u');
  EXPECT_EQ(kInitials.Of(*service.method(1)), 'c');
  EXPECT_EQ(kInitials.Of(*service.method(2)), 's');
  EXPECT_EQ(kInitials.Of(*service.method(3)), 'b');
  EXPECT_EQ(kInitials.Of(*service.method(4)), 'o');
  EXPECT_EQ(kInitials.Of(*service.method(5)), 'u');
}

}  // namespace
}  // namespace fdrpc::codegen
