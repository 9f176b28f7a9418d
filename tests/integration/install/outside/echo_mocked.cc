// A generated mock behind a stub, in the same process.
#include <string>

#include "fdrpc/in_process_server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "outside/echo.mock.fdrpc.h"

namespace {

TEST(EchoTest, IsMocked) {
  outside::MockEcho echo;
  EXPECT_CALL(echo, Say).WillOnce([](fdrpc::ServerContext&,
                                     const outside::SayRequest& request,
                                     fdrpc::Parcel<outside::SayReply>& reply) {
    *reply->mutable_words() = request.words();
    return absl::OkStatus();
  });
  fdrpc::InProcessServer server(echo);
  outside::Echo::Stub stub(server.channel());
  outside::SayRequest request;
  request.mutable_words()->set_text("hello");
  absl::StatusOr<fdrpc::Parcel<outside::SayReply>> reply = stub.Say(request);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ((*reply)->words().text(), "hello");
}

}  // namespace
