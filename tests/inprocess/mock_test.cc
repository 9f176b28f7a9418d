// A mock behind a stub: calls of all three forms, streams and descriptors reach
// it through a channel of the process.

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "fdrpc/in_process_server.h"
#include "fdrpc/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing.mock.fdrpc.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::testing::_;
using ::testing::DoAll;
using ::testing::NiceMock;
using ::testing::Property;
using ::testing::Return;
using ::testing::SetArgReferee;

Text TextOf(const std::string& text) {
  Text message;
  message.set_text(text);
  return message;
}

class MockTest : public ::testing::Test {
 protected:
  NiceMock<MockTestService> mock_;
  InProcessServer server_{mock_};
  TestService::Stub stub_{server_.channel()};
};

TEST_F(MockTest, CallsOfAllFormsReachIt) {
  EXPECT_CALL(mock_, Echo(_, Property(&Text::text, "hello"), _))
      .Times(3)
      .WillRepeatedly(
          DoAll(SetArgReferee<2>(TextOf("mocked")), Return(absl::OkStatus())));
  EXPECT_EQ(stub_.Echo(TextOf("hello"))->text(), "mocked");
  std::promise<absl::StatusOr<Text>> called_back;
  stub_.async().Echo(TextOf("hello"), {}, [&](absl::StatusOr<Text> reply) {
    called_back.set_value(std::move(reply));
  });
  EXPECT_EQ(called_back.get_future().get()->text(), "mocked");
  absl::StatusOr<Text> awaited =
      BlockOn([](TestService::Stub stub) -> Task<absl::StatusOr<Text>> {
        co_return co_await stub.co().Echo(TextOf("hello"));
      }(stub_));
  EXPECT_EQ(awaited->text(), "mocked");
}

TEST_F(MockTest, DescriptorsReachIt) {
  EXPECT_CALL(mock_, Exchange)
      .WillOnce(
          [](ServerContext&, Parcel<Files>& request, Parcel<Files>& reply) {
            EXPECT_EQ(ReadRest(request.first()), "there");
            reply.set_first(FileWith("and back"));
            return absl::OkStatus();
          });
  Parcel<Files> request;
  request.set_first(FileWith("there"));
  absl::StatusOr<Parcel<Files>> reply = stub_.Exchange(std::move(request));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(ReadRest(reply->first()), "and back");
}

TEST_F(MockTest, StreamsReachIt) {
  EXPECT_CALL(mock_, Chat)
      .WillOnce([](ServerContext&, ServerStream<Text, Text>& stream) {
        while (std::optional<Text> message = stream.Read()) {
          stream.Write(*message);
        }
        return absl::DataLossError("at the end");
      });
  auto chat = stub_.Chat();
  EXPECT_TRUE(chat.Write(TextOf("a")));
  EXPECT_EQ(chat.Read()->text(), "a");
  chat.WritesDone();
  EXPECT_FALSE(chat.Read().has_value());
  EXPECT_EQ(chat.Finish(), absl::DataLossError("at the end"));
}

TEST_F(MockTest, WhatIsNotExpectedIsNotImplemented) {
  EXPECT_EQ(stub_.Echo(Text()).status(),
            absl::UnimplementedError(
                "fdrpc.testing.TestService/Echo is not implemented"));
  auto watch = stub_.Watch(Text());
  EXPECT_FALSE(watch.Read().has_value());
  EXPECT_EQ(watch.Finish().code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace fdrpc::testing
