// Generated mocks compile, whatever the names, and do what a test tells them.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated/direct_caller.h"
#include "tests/codegen/protos/empty.mock.fdrpc.h"
#include "tests/codegen/protos/forwarding.mock.fdrpc.h"
#include "tests/codegen/protos/imported.mock.fdrpc.h"
#include "tests/codegen/protos/importing.mock.fdrpc.h"
#include "tests/codegen/protos/keywords.mock.fdrpc.h"
#include "tests/codegen/protos/lite.mock.fdrpc.h"
#include "tests/codegen/protos/no_package.mock.fdrpc.h"
#include "tests/codegen/protos/our_names.mock.fdrpc.h"
#include "tests/codegen/protos/package_absl.mock.fdrpc.h"
#include "tests/codegen/protos/package_fdrpc.mock.fdrpc.h"
#include "tests/codegen/protos/package_nested.mock.fdrpc.h"
#include "tests/codegen/protos/package_std.mock.fdrpc.h"
#include "tests/codegen/protos/plain.mock.fdrpc.h"
#include "tests/codegen/protos/services.mock.fdrpc.h"
#include "tests/codegen/protos/shapes.mock.fdrpc.h"
#include "tests/codegen/protos/shapes_proto2.mock.fdrpc.h"

namespace fdrpc {
namespace {

using test::services::Everything;
using test::services::MockEverything;
using test::services::Plain;
using test::services::WithFd;
using ::testing::_;
using ::testing::NiceMock;
using ::testing::Property;
using ::testing::Return;

Plain TextOf(const std::string& text) {
  Plain message;
  message.set_text(text);
  return message;
}

TEST(GeneratedMocks, DoWhatIsExpectedOfThem) {
  MockEverything mock;
  EXPECT_CALL(mock, PlainToPlain(_, Property(&Plain::text, "ask"), _))
      .WillOnce([](ServerContext&, const Plain&, Plain& reply) {
        reply.set_text("answer");
        return absl::OkStatus();
      })
      .WillOnce(Return(absl::NotFoundError("no more")));
  const Everything::Stub stub(std::make_shared<DirectCaller>(mock));
  absl::StatusOr<Plain> reply = stub.PlainToPlain(TextOf("ask"));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "answer");
  EXPECT_EQ(stub.PlainToPlain(TextOf("ask")).status(),
            absl::NotFoundError("no more"));
}

TEST(GeneratedMocks, TakeParcelsAndStreams) {
  MockEverything mock;
  EXPECT_CALL(mock, ParcelToParcel)
      .WillOnce(
          [](ServerContext&, Parcel<WithFd>& request, Parcel<WithFd>& reply) {
            EXPECT_FALSE(request.has_file());
            reply->add_nested();
            return absl::OkStatus();
          });
  EXPECT_CALL(mock, PlainsToPlains)
      .WillOnce([](ServerContext&, ServerStream<Plain, Plain>& stream) {
        while (std::optional<Plain> request = stream.Read()) {
          stream.Write(TextOf(request->text() + "!"));
        }
        return absl::OkStatus();
      });
  const Everything::Stub stub(std::make_shared<DirectCaller>(mock));
  absl::StatusOr<Parcel<WithFd>> reply = stub.ParcelToParcel(Parcel<WithFd>());
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ((*reply)->nested_size(), 1);
  auto stream = stub.PlainsToPlains();
  stream.Write(TextOf("hello"));
  stream.WritesDone();
  EXPECT_EQ(stream.Read()->text(), "hello!");
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(GeneratedMocks, AnswerThatWhatIsNotExpectedIsNotImplemented) {
  NiceMock<MockEverything> mock;
  const Everything::Stub stub(std::make_shared<DirectCaller>(mock));
  EXPECT_EQ(stub.PlainToPlain({}).status(),
            absl::UnimplementedError("fdrpc.test.services.Everything/"
                                     "PlainToPlain is not implemented"));
  EXPECT_CALL(mock, PlainToParcel);
  EXPECT_EQ(stub.PlainToParcel({}).status().code(),
            absl::StatusCode::kUnimplemented)
      << "an expectation without an action changes that";
  auto stream = stub.PlainsToPlains();
  stream.WritesDone();
  EXPECT_EQ(stream.Finish().code(), absl::StatusCode::kUnimplemented);
}

TEST(GeneratedMocks, PrintWhatTheyAreCalledWith) {
  MockEverything mock;
  EXPECT_CALL(mock, ParcelToParcel).Times(0);
  EXPECT_CALL(mock, PlainToPlains).Times(0);
  const Everything::Stub stub(std::make_shared<DirectCaller>(mock));
  const auto call = [&stub] {
    Parcel<WithFd> request;
    request->add_nested();
    EXPECT_FALSE(stub.ParcelToParcel(std::move(request)).ok());
  };
  EXPECT_NONFATAL_FAILURE(call(), "ParcelToParcel(@");
  EXPECT_NONFATAL_FAILURE(call(), " call of user ");
  EXPECT_NONFATAL_FAILURE(call(), " Parcel of fdrpc.test.services.WithFd {");
  EXPECT_NONFATAL_FAILURE((void)stub.PlainToPlains(TextOf("x")).Finish().ok(),
                          " ServerWriter)");
}

TEST(GeneratedMocks, HaveTheNamesOfTheirMethods) {
  NiceMock<test::keywords::Mockclass> mock;
  EXPECT_CALL(mock, delete_).WillOnce(Return(absl::AbortedError("deleted")));
  const test::keywords::class_::Stub stub(std::make_shared<DirectCaller>(mock));
  EXPECT_EQ(stub.delete_({}).status(), absl::AbortedError("deleted"));
  NiceMock<test::our_names::MockService> ours;
  EXPECT_EQ(ours.full_name(), "fdrpc.test.our_names.Service");
  NiceMock<MockNoPackage> no_package;
  EXPECT_EQ(no_package.full_name(), "NoPackage");
}

}  // namespace
}  // namespace fdrpc
