// Interceptors of clients, in all forms.

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fdrpc/answered_call.h"
#include "tests/calls/calls_fixture.h"
#include "tests/calls/hooked_client.h"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;

class ClientInterceptorsTest : public CallsTest {
 protected:
  // Makes the calls go through these; the first one sees them first.
  void Intercept(std::vector<ClientHooks> hooks) {
    CallThrough(link_->NewChannel(With(std::move(hooks))));
  }
  // Without a server: a call that gets through is UNAVAILABLE.
  void InterceptWithoutServer(ClientHooks hooks) {
    Server gone;
    CallThrough(Link(link_kind(), gone).NewChannel(With({std::move(hooks)})));
  }
  static ChannelOptions With(std::vector<ClientHooks> hooks) {
    ChannelOptions options;
    for (ClientHooks& each : hooks) {
      options.interceptors.push_back(
          std::make_shared<HookedClient>(std::move(each)));
    }
    return options;
  }
};
INSTANTIATE_TEST_SUITE_P(Forms, ClientInterceptorsTest, AllForms(), FormsName);

TEST_P(ClientInterceptorsTest, OneThatDoesNothingChangesNothing) {
  Intercept({{}, {}});
  ReplyMetadata received;
  const absl::StatusOr<Text> reply = Echo(
      Script("later one;trailers two;echo a"), {.reply_metadata = &received});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "a");
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

TEST_P(ClientInterceptorsTest, MetadataThatItAddsReachesTheHandler) {
  Intercept({{.options = [](CallOptions& options) {
    options.metadata.Add("token", "secret");
  }}});
  EXPECT_EQ(Echo(Script("metadata token"))->text(), "secret");
  EXPECT_EQ(Watch("metadata token")->Read()->text(), "secret");
}

TEST_P(ClientInterceptorsTest, ItChangesRequestsAndReplies) {
  Intercept({{.request = [](Text& text) { text.set_text("echo changed"); },
              .receive =
                  [](Text& text) {
                    text.mutable_text()->append(" twice");
                    return absl::OkStatus();
                  }}});
  const Text request = Script("echo original");
  EXPECT_EQ(Echo(request)->text(), "changed twice");
  EXPECT_EQ(request.text(), "echo original");
  EXPECT_EQ(Watch("echo original")->Read()->text(), "changed twice");
}

TEST_P(ClientInterceptorsTest, ItSeesAndChangesEveryMessageOfAStream) {
  std::vector<std::string> sent;
  std::vector<std::string> received;
  Intercept({{.send =
                  [&](Text& text) {
                    sent.push_back(text.text());
                    text.mutable_text()->append(absl::StrCat(sent.size()));
                    return absl::OkStatus();
                  },
              .receive =
                  [&](Text& text) {
                    received.push_back(text.text());
                    text.set_number(7);
                    return absl::OkStatus();
                  }}});
  auto call = Chat();
  for (const char* text : {"echo a", "echo b"}) {
    ASSERT_TRUE(call->Write(Script(text)));
    EXPECT_EQ(call->Read()->number(), 7);
  }
  ASSERT_TRUE(call->WriteLast(Script("echo c")));
  EXPECT_EQ(call->Read()->text(), "c3");
  EXPECT_FALSE(call->Read().has_value());
  EXPECT_TRUE(call->Finish().ok());
  EXPECT_THAT(sent, ElementsAre("echo a", "echo b", "echo c"));
  EXPECT_THAT(received, ElementsAre("a1", "b2", "c3"));
  auto collect = Collect();
  ASSERT_TRUE(collect->Write(Script("d")));
  EXPECT_EQ(collect->Finish()->number(), 7);
  EXPECT_THAT(received, ElementsAre("a1", "b2", "c3", "d4"));
}

TEST_P(ClientInterceptorsTest, ItDropsRequestsOfAStream) {
  Intercept({{.drops = [](const Text& text) { return text.text() == "b"; }}});
  auto call = Collect();
  for (const char* text : {"a", "b", "c"}) {
    EXPECT_TRUE(call->Write(Script(text)));
  }
  EXPECT_TRUE(call->WriteLast(Script("b")));
  EXPECT_EQ(call->Finish()->text(), "ac");
}

TEST_P(ClientInterceptorsTest, ItChangesTheStatusAndMetadata) {
  Intercept({{.headers = [](Metadata& headers) { headers.Add("more", "h"); },
              .end =
                  [](absl::Status& status, Metadata& trailers) {
                    EXPECT_TRUE(absl::IsNotFound(status));
                    trailers.Add("more", "t");
                    status = absl::DataLossError("changed");
                  }}});
  ReplyMetadata received;
  EXPECT_EQ(Echo(Script("later one;trailers two;end 5 original"),
                 {.reply_metadata = &received})
                .status()
                .message(),
            "changed");
  EXPECT_EQ(received.headers, (Metadata{{"initial", "one"}, {"more", "h"}}));
  EXPECT_EQ(received.trailers, (Metadata{{"trailing", "two"}, {"more", "t"}}));
  auto call = Watch("headers one;echo a;trailers two;end 5 original");
  EXPECT_EQ(call->Headers(), (Metadata{{"initial", "one"}, {"more", "h"}}));
  EXPECT_EQ(call->Read()->text(), "a");
  EXPECT_EQ(call->Finish().status().message(), "changed");
  EXPECT_EQ(call->Trailers(), (Metadata{{"trailing", "two"}, {"more", "t"}}));
}

TEST_P(ClientInterceptorsTest, AnOkWithoutAReplyIsAnError) {
  Intercept({{.end = [](absl::Status& status, Metadata&) {
    status = absl::OkStatus();
  }}});
  EXPECT_EQ(Echo(Script("end 5 no")).status().code(),
            absl::StatusCode::kInternal);
  EXPECT_TRUE(Watch("end 5 no")->Finish().ok());
}

// ---- without the server

TEST_P(ClientInterceptorsTest, ItRefusesCallsOfEveryKind) {
  InterceptWithoutServer(
      {.answer = [](const Method&, CallForm form, Caller& next) {
        return std::make_shared<AnsweredCall>(
            next, form, absl::PermissionDeniedError("refused"));
      }});
  EXPECT_EQ(Echo(Script("echo a")).status().message(), "refused");
  EXPECT_EQ(Watch("echo a")->Finish().status().message(), "refused");
  auto collect = Collect();
  EXPECT_FALSE(collect->Write(Script("a")));
  EXPECT_EQ(collect->Finish().status().message(), "refused");
  auto chat = Chat();
  EXPECT_FALSE(chat->Read().has_value());
  EXPECT_TRUE(chat->Headers().empty());
  EXPECT_EQ(chat->Finish().status().message(), "refused");
}

TEST_P(ClientInterceptorsTest, ItAnswersCallsOfEveryKind) {
  InterceptWithoutServer(
      {.answer = [](const Method& method, CallForm form, Caller& next) {
        auto answer = std::make_shared<AnsweredCall>(
            next, form, absl::OkStatus(),
            ReplyMetadata{{{"initial", "one"}}, {{"trailing", "two"}}});
        const bool streams = method.kind == MethodKind::kServerStreaming ||
                             method.kind == MethodKind::kBidirectional;
        for (int i = 0; i < (streams ? 3 : 1); ++i) {
          Text reply;
          reply.set_text(absl::StrCat("cached ", i));
          answer->AddReply(reply);
        }
        return answer;
      }});
  ReplyMetadata received;
  EXPECT_EQ(Echo(Text(), {.reply_metadata = &received})->text(), "cached 0");
  EXPECT_EQ(received.headers.Get("initial"), "one");
  EXPECT_EQ(received.trailers.Get("trailing"), "two");
  auto collect = Collect();
  EXPECT_FALSE(collect->Write(Script("a")));
  EXPECT_EQ(collect->Finish()->text(), "cached 0");
  for (auto& call : {Watch(""), Chat()}) {
    EXPECT_EQ(call->Headers().Get("initial"), "one");
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(call->Read()->text(), absl::StrCat("cached ", i));
    }
    EXPECT_FALSE(call->Read().has_value());
    EXPECT_TRUE(call->Finish().ok());
    EXPECT_EQ(call->Trailers().Get("trailing"), "two");
  }
}

// ---- errors of hooks

TEST_P(ClientInterceptorsTest, ItRefusesAReply) {
  Intercept({{.receive = [](Text& text) {
    return text.text() == "b" ? absl::DataLossError("refused")
                              : absl::OkStatus();
  }}});
  EXPECT_EQ(Echo(Script("echo b")).status().message(), "refused");
  EXPECT_EQ(Echo(Script("echo a"))->text(), "a");
  auto collect = Collect();
  ASSERT_TRUE(collect->Write(Script("b")));
  EXPECT_EQ(collect->Finish().status().message(), "refused");
}

TEST_P(ClientInterceptorsTest, AReplyThatItRefusesEndsTheStream) {
  Intercept({{.receive = [](Text& text) {
    return text.text() == "b" ? absl::DataLossError("refused")
                              : absl::OkStatus();
  }}});
  auto chat = Chat();
  ASSERT_TRUE(chat->Write(Script("echo a;echo b;wait")));
  EXPECT_EQ(chat->Read()->text(), "a");
  EXPECT_FALSE(chat->Read().has_value());
  EXPECT_FALSE(chat->Read().has_value());
  EXPECT_EQ(chat->Finish().status().message(), "refused");
  seen_.AwaitCancelled(1);
  // Even if the server has already ended the call.
  auto watch = Watch("echo a;echo b;echo c");
  EXPECT_EQ(watch->Read()->text(), "a");
  EXPECT_FALSE(watch->Read().has_value());
  EXPECT_FALSE(watch->Read().has_value());
  EXPECT_EQ(watch->Finish().status().message(), "refused");
}

TEST_P(ClientInterceptorsTest, ARequestThatItRefusesEndsTheStream) {
  Intercept({{.send = [](Text& text) {
    return text.text() == "echo b" ? absl::DataLossError("refused")
                                   : absl::OkStatus();
  }}});
  auto chat = Chat();
  ASSERT_TRUE(chat->Write(Script("echo a")));
  EXPECT_EQ(chat->Read()->text(), "a");
  EXPECT_FALSE(chat->Write(Script("echo b")));
  EXPECT_FALSE(chat->Write(Script("echo c")));
  EXPECT_FALSE(chat->Read().has_value());
  EXPECT_EQ(chat->Finish().status().message(), "refused");
  seen_.AwaitCancelled(1);
}

// ---- order and ends

TEST_P(ClientInterceptorsTest, TheFirstSeesACallFirstAndItsResultsLast) {
  std::vector<std::string> log;
  const auto logging = [&](const std::string& name) {
    const auto note = [&log, name](const char* what) {
      log.push_back(name + " " + what);
    };
    return ClientHooks{
        .options = [note](CallOptions&) { note("start"); },
        .send = [note](Text&) { return note("send"), absl::OkStatus(); },
        .receive = [note](Text&) { return note("receive"), absl::OkStatus(); },
        .headers = [note](Metadata&) { note("headers"); },
        .end = [note](absl::Status&, Metadata&) { note("end"); }};
  };
  Intercept({logging("1"), logging("2")});
  auto call = Collect();
  ASSERT_TRUE(call->WriteLast(Script("a")));
  EXPECT_TRUE(call->Finish().ok());
  EXPECT_THAT(log, ElementsAre("1 start", "2 start", "1 send", "2 send",
                               "2 headers", "2 receive", "1 headers",
                               "1 receive", "2 end", "1 end"));
}

TEST_P(ClientInterceptorsTest, EveryCallEndsOnce) {
  std::atomic<int> ends = 0;
  std::atomic<int> cancelled = 0;
  Observations seen;
  Intercept({{.end = [&](absl::Status& status, Metadata&) {
    ++ends;
    if (absl::IsCancelled(status)) ++cancelled;
    seen.NoteEnded();
  }}});
  EXPECT_TRUE(Echo(Script("echo a")).ok());
  EXPECT_EQ(ends, 1);
  auto finished = Watch("echo a");
  EXPECT_TRUE(finished->Read().has_value());
  EXPECT_EQ(ends, 1) << "not before it is asked for";
  EXPECT_TRUE(finished->Finish().ok());
  EXPECT_TRUE(finished->Finish().ok());
  EXPECT_EQ(ends, 2);
  finished.reset();
  EXPECT_EQ(ends, 2);
  EXPECT_EQ(cancelled, 0);
  Watch("wait").reset();
  seen.AwaitEnded(3);
  EXPECT_EQ(cancelled, 1) << "dropped";
  auto call = Chat();
  call->Cancel();
  EXPECT_EQ(ends, 3);
  EXPECT_TRUE(absl::IsCancelled(call->Finish().status()));
  EXPECT_EQ(ends, 4);
  EXPECT_EQ(cancelled, 2);
  auto read = Chat();
  ASSERT_TRUE(read->WriteLast(Script("echo a")));
  EXPECT_TRUE(read->Read().has_value());
  EXPECT_FALSE(read->Read().has_value());
  read.reset();
  // Its status was never asked for. The loop may release it after this thread.
  seen.AwaitEnded(5);
  EXPECT_EQ(ends, 5);
  EXPECT_EQ(cancelled, 2);
}

TEST_P(ClientInterceptorsTest, DeadlinesAndCancellationGoThrough) {
  GoByClock(With({{}, {.options = [](CallOptions& options) {
                    options.timeout =
                        std::min<absl::Duration>(options.timeout, kTimeout);
                  }}}));
  EXPECT_EQ(Echo(Script("deadline"))->text(), "some");
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

TEST_P(ClientInterceptorsTest, AServerThatGoesEndsTheCall) {
  Intercept({{}, {}});
  auto call = Chat();
  ASSERT_TRUE(call->Write(Script("echo a")));
  EXPECT_EQ(call->Read()->text(), "a");
  server_->Shutdown(absl::ZeroDuration());
  EXPECT_FALSE(call->Read().has_value());
  EXPECT_TRUE(absl::IsUnavailable(call->Finish().status()));
}

}  // namespace
}  // namespace fdrpc::testing
