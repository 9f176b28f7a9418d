// One service, whose methods are served in several forms.

#include "fdrpc/mixed_service.h"

#include <optional>
#include <utility>

#include "fdrpc/in_process_server.h"
#include "fdrpc/task.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

class BlockingPart : public TestService::Service {
 public:
  absl::Status Exchange(ServerContext&, Parcel<Files>& request,
                        Parcel<Files>& reply) override {
    reply.set_first(request.take_first());
    return absl::OkStatus();
  }
  absl::Status Chat(ServerContext&, ServerStream<Text, Text>& stream) override {
    while (std::optional<Text> text = stream.Read()) {
      stream.Write(TextOf(text->text() + " blocking"));
    }
    return absl::OkStatus();
  }
};

class CallbackPart final : public TestService::AsyncService {
 private:  // private handlers are allowed
  void Echo(TestService::EchoCall call) override {
    call.Finish(TextOf(call.request().text() + " called back"));
  }
};

class CoroutinePart final : public TestService::CoService {
 public:
  Task<absl::Status> Watch(ServerContext&, const Text& request,
                           CoServerWriter<Text>& replies) override {
    co_await replies.Write(TextOf(request.text() + " awaited"));
    co_return absl::OkStatus();
  }
};

TEST(MixedServiceTest, EachMethodIsServedByThePartThatHasIt) {
  ExpectSameDescriptors census;
  BlockingPart blocking;
  CallbackPart callbacks;
  CoroutinePart coroutines;
  MixedService service(blocking, callbacks, coroutines);
  InProcessServer server(service);
  const TestService::Stub stub(server.channel());

  EXPECT_EQ(stub.Echo(TextOf("echo"))->text(), "echo called back");
  ClientReader<Text> watch = stub.Watch(TextOf("watch"));
  EXPECT_EQ(watch.Read()->text(), "watch awaited");
  EXPECT_TRUE(watch.Finish().ok());
  auto chat = stub.Chat();
  EXPECT_TRUE(chat.WriteLast(TextOf("chat")));
  EXPECT_EQ(chat.Read()->text(), "chat blocking");
  EXPECT_TRUE(chat.Finish().ok());
  Parcel<Files> request;
  request.set_first(FileWith("content"));
  absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(ReadRest(reply->take_first().get()), "content");
}

TEST(MixedServiceTest, WhatNoPartHasIsNotImplemented) {
  CallbackPart callbacks;
  CoroutinePart coroutines;
  MixedService service(callbacks, coroutines);
  EXPECT_EQ(service.full_name(), "fdrpc.testing.TestService");
  EXPECT_EQ(service.method_handlers().size(),
            callbacks.method_handlers().size());
  InProcessServer server(service);
  const TestService::Stub stub(server.channel());
  EXPECT_EQ(stub.Put(Parcel<Files>()).status(),
            absl::UnimplementedError(
                "fdrpc.testing.TestService/Put is not implemented"));
}

TEST(MixedServiceTest, WhatAPartInheritsIsItsOwn) {
  class Derived final : public BlockingPart {};
  Derived blocking;
  CoroutinePart coroutines;
  MixedService service(coroutines, blocking);
  InProcessServer server(service);
  const TestService::Stub stub(server.channel());
  EXPECT_TRUE(stub.Chat().Finish().ok());
}

}  // namespace
}  // namespace fdrpc::testing
