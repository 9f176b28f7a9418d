// Interceptors of servers, in all forms.

#include <unistd.h>

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "tests/calls/calls_fixture.h"
#include "tests/calls/hooked_server.h"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;

class ServerInterceptorsTest : public CallsTest {
 protected:
  // Serves the service again, with these interceptors, and makes the calls go
  // there.
  void Intercept(std::vector<ServerHooks> hooks) {
    ServerOptions options;
    for (ServerHooks& each : hooks) {
      options.interceptors.push_back(
          std::make_shared<HookedServer>(std::move(each)));
    }
    intercepted_ = NewServer(options);
    intercepted_->AddService(*service_);
    Serve(*intercepted_, intercepted_link_);
  }
  void TearDown() override {
    stub_.reset();
    if (intercepted_ != nullptr) {
      intercepted_->Shutdown();
      intercepted_->Wait();
    }
    CallsTest::TearDown();
  }

  std::unique_ptr<Server> intercepted_;
  std::optional<Link> intercepted_link_;
};
INSTANTIATE_TEST_SUITE_P(Forms, ServerInterceptorsTest, AllForms(), FormsName);

// An error for the text "b" or "echo b".
absl::Status RefuseB(Text& text) {
  return text.text() == "b" || text.text() == "echo b"
             ? absl::DataLossError("refused")
             : absl::OkStatus();
}

TEST_P(ServerInterceptorsTest, OneThatDoesNothingChangesNothing) {
  Intercept({{}, {}});
  ReplyMetadata received;
  const absl::StatusOr<Text> reply =
      Echo(Script("metadata x;later one;trailers two"),
           {.metadata = {{"x", "value"}}, .reply_metadata = &received});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "value");
  EXPECT_EQ(received.headers.Get("initial"), "one");
  EXPECT_EQ(received.trailers.Get("trailing"), "two");
  auto call = Chat();
  ASSERT_TRUE(call->Write(Script("headers early;echo b")));
  EXPECT_EQ(call->Headers().Get("initial"), "early");
  EXPECT_EQ(call->Read()->text(), "b");
  ASSERT_TRUE(call->WriteLast(Script("trailers end;end 8 no more")));
  EXPECT_FALSE(call->Read().has_value());
  EXPECT_EQ(call->Finish().status().message(), "no more");
  EXPECT_EQ(call->Trailers().Get("trailing"), "end");
}

TEST_P(ServerInterceptorsTest, ItShowsTheHandlerOtherMetadata) {
  Intercept({{.metadata = [](Metadata& metadata) {
    metadata.Add("user", "somebody");
  }}});
  EXPECT_EQ(Echo(Script("metadata user"))->text(), "somebody");
  EXPECT_EQ(Watch("metadata user")->Read()->text(), "somebody");
  auto chat = Chat();
  ASSERT_TRUE(chat->Write(Script("metadata user")));
  EXPECT_EQ(chat->Read()->text(), "somebody");
}

TEST_P(ServerInterceptorsTest, ItRefusesCallsBeforeTheHandler) {
  Intercept({{.admit = [](const Method& method, ServerCall& call) {
    EXPECT_EQ(call.context().peer().uid, getuid());
    return absl::PermissionDeniedError(std::string(method.full_name));
  }}});
  EXPECT_EQ(Echo(Script("wait")).status().message(),
            "fdrpc.testing.TestService/Echo");
  EXPECT_EQ(Watch("wait")->Finish().status().message(),
            "fdrpc.testing.TestService/Watch");
  auto collect = Collect();
  collect->Write(Script("wait"));
  EXPECT_TRUE(absl::IsPermissionDenied(collect->Finish().status()));
  auto chat = Chat();
  EXPECT_FALSE(chat->Read().has_value());
  EXPECT_TRUE(absl::IsPermissionDenied(chat->Finish().status()));
}

TEST_P(ServerInterceptorsTest, ItChangesRequestsAndReplies) {
  Intercept({{.receive =
                  [](Text& text) {
                    text.mutable_text()->append("d");
                    return absl::OkStatus();
                  },
              .send =
                  [](Text& text) {
                    text.mutable_text()->append(" twice");
                    return absl::OkStatus();
                  }}});
  EXPECT_EQ(Echo(Script("echo change"))->text(), "changed twice");
  EXPECT_EQ(Watch("echo change")->Read()->text(), "changed twice");
  auto collect = Collect();
  ASSERT_TRUE(collect->Write(Script("change")));
  EXPECT_EQ(collect->Finish()->text(), "changed twice");
}

TEST_P(ServerInterceptorsTest, ItSeesEveryMessageOfAStreamAndDropsReplies) {
  Mutex mu;
  std::vector<std::string> received;
  std::vector<std::string> sent;
  Intercept({{.receive =
                  [&](Text& text) {
                    MutexLock lock(mu);
                    received.push_back(text.text());
                    return absl::OkStatus();
                  },
              .drops = [](const Text& text) { return text.text() == "b"; },
              .send =
                  [&](Text& text) {
                    MutexLock lock(mu);
                    sent.push_back(text.text());
                    return absl::OkStatus();
                  }}});
  auto call = Chat();
  ASSERT_TRUE(call->Write(Script("echo a;echo b")));
  ASSERT_TRUE(call->WriteLast(Script("echo c")));
  EXPECT_EQ(call->Read()->text(), "a");
  EXPECT_EQ(call->Read()->text(), "c");
  EXPECT_FALSE(call->Read().has_value());
  EXPECT_TRUE(call->Finish().ok());
  MutexLock lock(mu);
  EXPECT_THAT(received, ElementsAre("echo a;echo b", "echo c"));
  EXPECT_THAT(sent, ElementsAre("a", "c"));
}

TEST_P(ServerInterceptorsTest, ItChangesTheStatusAndMetadata) {
  Intercept({{.finish = [](ServerContext& context, absl::Status& status) {
    EXPECT_TRUE(absl::IsNotFound(status));
    context.trailers().Add("more", "t");
    status = absl::DataLossError("changed");
  }}});
  ReplyMetadata received;
  EXPECT_EQ(Echo(Script("trailers two;end 5 no"), {.reply_metadata = &received})
                .status()
                .message(),
            "changed");
  EXPECT_EQ(received.trailers, (Metadata{{"trailing", "two"}, {"more", "t"}}));
  auto watch = Watch("echo a;end 5 no");
  EXPECT_EQ(watch->Read()->text(), "a");
  EXPECT_EQ(watch->Finish().status().message(), "changed");
  EXPECT_EQ(watch->Trailers().Get("more"), "t");
}

// ---- errors of hooks

TEST_P(ServerInterceptorsTest, ARequestThatItRefusesNeverReachesTheHandler) {
  Intercept({{.receive = RefuseB}});
  EXPECT_EQ(Echo(Script("echo b")).status().message(), "refused");
  EXPECT_EQ(Echo(Script("echo a"))->text(), "a");
  EXPECT_EQ(Watch("echo b")->Finish().status().message(), "refused");
}

TEST_P(ServerInterceptorsTest, ARequestThatItRefusesEndsTheStream) {
  std::atomic<int> finished = 0;
  Intercept({{.receive = RefuseB,
              .finish = [&](ServerContext&, absl::Status& status) {
                EXPECT_EQ(status.message(), "refused");
                ++finished;
              }}});
  auto chat = Chat();
  ASSERT_TRUE(chat->Write(Script("echo a")));
  EXPECT_EQ(chat->Read()->text(), "a");
  ASSERT_TRUE(chat->Write(Script("echo b")));
  EXPECT_FALSE(chat->Read().has_value());
  EXPECT_EQ(chat->Finish().status().message(), "refused");
  seen_.AwaitCancelled(1);
  auto collect = Collect();
  ASSERT_TRUE(collect->Write(Script("b")));
  EXPECT_EQ(collect->Finish().status().message(), "refused");
  seen_.AwaitCancelled(2);
  intercepted_->Shutdown();
  intercepted_->Wait();
  EXPECT_EQ(finished, 2);
}

TEST_P(ServerInterceptorsTest, AReplyThatItRefusesEndsTheStream) {
  Intercept({{.send = RefuseB}, {}});
  auto watch = Watch("echo a;echo b;echo c");
  watch->Read();
  EXPECT_EQ(watch->Finish().status().message(), "refused");
  seen_.AwaitCancelled(1);
  auto chat = Chat();
  ASSERT_TRUE(chat->Write(Script("echo b")));
  EXPECT_FALSE(chat->Read().has_value());
  EXPECT_EQ(chat->Finish().status().message(), "refused");
  seen_.AwaitCancelled(2);
}

TEST_P(ServerInterceptorsTest, ItRefusesTheOneReply) {
  Intercept({{.send = RefuseB}});
  EXPECT_EQ(Echo(Script("echo b")).status().message(), "refused");
  auto collect = Collect();
  ASSERT_TRUE(collect->WriteLast(Script("b")));
  EXPECT_EQ(collect->Finish().status().message(), "refused");
}

// ---- order and ends

TEST_P(ServerInterceptorsTest, TheFirstSeesACallFirstAndItsResultsLast) {
  Mutex mu;
  std::vector<std::string> log;
  const auto logging = [&](const std::string& name) {
    const auto note = [&mu, &log, name](const char* what) {
      MutexLock lock(mu);
      log.push_back(name + " " + what);
      return absl::OkStatus();
    };
    return ServerHooks{
        .admit = [note](const Method&, ServerCall&) { return note("serve"); },
        .receive = [note](Text&) { return note("receive"); },
        .send = [note](Text&) { return note("send"); },
        .finish = [note](ServerContext&,
                         absl::Status&) { (void)note("finish"); }};
  };
  Intercept({logging("1"), logging("2")});
  EXPECT_TRUE(Echo(Script("echo a")).ok());
  MutexLock lock(mu);
  EXPECT_THAT(log, ElementsAre("1 serve", "2 serve", "1 receive", "2 receive",
                               "2 send", "2 finish", "1 send", "1 finish"));
}

TEST_P(ServerInterceptorsTest, EveryCallFinishesOnce) {
  std::atomic<int> finished = 0;
  Intercept({{.finish = [&](ServerContext&, absl::Status&) { ++finished; }}});
  EXPECT_TRUE(Echo(Script("echo a")).ok());
  auto waiting = Watch("wait");
  seen_.AwaitWaiting(1);
  waiting.reset();
  auto watch = Watch("burst 1000000");
  ASSERT_TRUE(watch->Read().has_value());
  watch->Cancel();
  auto chat = Chat();
  ASSERT_TRUE(chat->Write(Script("headers early")));
  EXPECT_EQ(chat->Headers().Get("initial"), "early");
  chat.reset();
  seen_.AwaitEnded(4);
  intercepted_->Shutdown();
  intercepted_->Wait();
  EXPECT_EQ(finished, 4);
}

TEST_P(ServerInterceptorsTest, DeadlinesAndCancellationGoThrough) {
  Intercept({{}, {}});
  EXPECT_EQ(Echo(Script("deadline"))->text(), "none");
  EXPECT_EQ(Echo(Script("deadline"), {.timeout = absl::Hours(1)})->text(),
            "some");
  stub_ = std::make_unique<TestService::Stub>(
      intercepted_link_->NewChannel(client_));
  ExpectEndAtDeadline();
  std::stop_source stop;
  const int waited = seen_.waiting();
  std::thread canceller([&] {
    seen_.AwaitWaiting(waited + 1);
    stop.request_stop();
  });
  EXPECT_TRUE(absl::IsCancelled(
      Echo(Script("wait"), {.cancellation = stop.get_token()}).status()));
  canceller.join();
  auto blocked = Watch("burst 1000000");
  ASSERT_TRUE(blocked->Read().has_value());
  blocked->Cancel();
  EXPECT_TRUE(absl::IsCancelled(blocked->Finish().status()));
  seen_.AwaitCancelled(4);
}

}  // namespace
}  // namespace fdrpc::testing
