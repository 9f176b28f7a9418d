// Interceptors of a channel over gRPC.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fdrpc/answered_call.h"
#include "fdrpc/grpc/channel.h"
#include "fdrpc/server.h"
#include "tests/calls/hooked_client.h"
#include "tests/grpc/served_over_grpc.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

class InterceptorsOverGrpc : public ::testing::Test {
 protected:
  InterceptorsOverGrpc() {
    server_.AddService(service_);
    over_grpc_.emplace(server_);
    EXPECT_TRUE(server_.Start().ok());
    service_.echo = [](ServerContext& context, const Text&, Text& reply) {
      context.headers().Add("initial", "sent");
      context.trailers().Add("trailing", "sent");
      for (const auto token : context.metadata().GetAll("token")) {
        reply.mutable_text()->append(token);
      }
      return absl::OkStatus();
    };
  }

  TestService::Stub Intercepted(std::vector<ClientHooks> hooks) {
    grpc::ChannelOptions options;
    for (ClientHooks& each : hooks) {
      options.interceptors.push_back(
          std::make_shared<HookedClient>(std::move(each)));
    }
    return TestService::Stub(grpc::Channel(over_grpc_->channel(), options));
  }

  FakeService service_;
  Server server_;
  std::optional<ServedOverGrpc> over_grpc_;
};

TEST_F(InterceptorsOverGrpc, TheFirstSeesACallFirst) {
  const auto adds = [](const char* token) {
    return ClientHooks{
        .options =
            [token](CallOptions& options) {
              options.metadata.Add("token", token);
            },
        .receive =
            [token](Text& text) {
              text.mutable_text()->append(token);
              return absl::OkStatus();
            },
        .end = [token](absl::Status&,
                       Metadata& trailers) { trailers.Add("seen", token); },
    };
  };
  const TestService::Stub stub = Intercepted({adds("1"), adds("2")});
  ReplyMetadata received;
  const auto reply = stub.Echo(TextOf("x"), {.reply_metadata = &received});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "1221");
  EXPECT_EQ(received.headers.Get("initial"), "sent");
  EXPECT_EQ(received.trailers.Get("trailing"), "sent");
  EXPECT_EQ(received.trailers.GetAll("seen"),
            (std::vector<std::string_view>{"2", "1"}));
}

TEST_F(InterceptorsOverGrpc, TheySeeStreamsAndCallbacks) {
  const TestService::Stub stub =
      Intercepted({{.send =
                        [](Text& text) {
                          text.set_number(text.number() + 1);
                          return absl::OkStatus();
                        },
                    .receive =
                        [](Text& text) {
                          text.set_number(text.number() * 10);
                          return absl::OkStatus();
                        }}});
  auto stream = stub.Chat();
  ASSERT_TRUE(stream.Write(Numbered(1)));
  const std::optional<Text> streamed = stream.Read();
  ASSERT_TRUE(streamed.has_value());
  EXPECT_EQ(streamed->number(), 20);
  stream.WritesDone();
  EXPECT_FALSE(stream.Read().has_value());
  EXPECT_EQ(stream.Finish(), absl::OkStatus());

  service_.echo = [](ServerContext&, const Text& request, Text& reply) {
    reply = request;
    return absl::OkStatus();
  };
  std::promise<absl::StatusOr<Text>> done;
  stub.async().Echo(Numbered(3), {}, [&](absl::StatusOr<Text> reply) {
    done.set_value(std::move(reply));
  });
  const absl::StatusOr<Text> reply = done.get_future().get();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->number(), 30);
}

TEST_F(InterceptorsOverGrpc, OneMayAnswerACall) {
  const TestService::Stub stub =
      Intercepted({{.answer = [](const Method&, CallForm form,
                                 Caller& next) -> std::shared_ptr<ClientCall> {
        return std::make_shared<AnsweredCall>(
            next, form, absl::PermissionDeniedError("not this one"));
      }}});
  EXPECT_TRUE(absl::IsPermissionDenied(stub.Echo(TextOf("x")).status()));
}

}  // namespace
}  // namespace fdrpc::testing
