// The rules of fields with descriptors, in all forms: of requests and replies,
// and against peers that do not keep them.

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fdrpc/client_call_filter.h"
#include "fdrpc/client_interceptor.h"
#include "fdrpc/server_call_filter.h"
#include "fdrpc/server_interceptor.h"
#include "fdrpc/task.h"
#include "tests/calls/calls_fixture.h"
#include "tests/calls/exchange.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/ruled_parcel.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

// Something that does not keep the rules, and which message of it that is.
struct Spoiler {
  void (*spoil)(Parcel<Ruled>&) = nullptr;
  int message = 0;

  void Spoil(int number, Parcel<Ruled>& parcel) const {
    if (spoil != nullptr && number == message) spoil(parcel);
  }
};

void Return(Parcel<Ruled>& request, const Spoiler& spoiler, int number,
            Parcel<Ruled>& reply) {
  FillWell(reply);
  reply.set_file(request.take_file());
  spoiler.Spoil(number, reply);
}

struct Served {
  Spoiler spoiler;
  std::atomic<int> requests{0};
};

class BlockingRules final : public RulesService::Service {
 public:
  explicit BlockingRules(Served& served) : served_(served) {}
  absl::Status Exchange(ServerContext&, Parcel<Ruled>& request,
                        Parcel<Ruled>& reply) override {
    Return(request, served_.spoiler, served_.requests++, reply);
    return absl::OkStatus();
  }

 private:
  Served& served_;
};

class CallbackRules final : public RulesService::AsyncService {
 public:
  explicit CallbackRules(Served& served) : served_(served) {}
  void Exchange(AsyncServerUnary<Parcel<Ruled>, Parcel<Ruled>> call) override {
    Parcel<Ruled> reply;
    Return(call.request(), served_.spoiler, served_.requests++, reply);
    call.Finish(std::move(reply));
  }

 private:
  Served& served_;
};

class CoroutineRules final : public RulesService::CoService {
 public:
  explicit CoroutineRules(Served& served) : served_(served) {}
  Task<absl::Status> Exchange(ServerContext&, Parcel<Ruled>& request,
                              Parcel<Ruled>& reply) override {
    Return(request, served_.spoiler, served_.requests++, reply);
    co_return absl::OkStatus();
  }
  Task<absl::Status> ExchangeAll(
      ServerContext&,
      CoServerStream<Parcel<Ruled>, Parcel<Ruled>>& stream) override {
    while (std::optional<Parcel<Ruled>> request = co_await stream.Read()) {
      Parcel<Ruled> reply;
      Return(*request, served_.spoiler, served_.requests++, reply);
      if (!co_await stream.Write(std::move(reply))) break;
    }
    co_return absl::OkStatus();
  }

 private:
  Served& served_;
};

// Sends other messages than its user, which are the same on the wire, but have
// no rules. Message number `message` breaks the rule number `rule`.
class Unruly {
 public:
  Unruly(size_t rule, int message) : rule_(rule), message_(message) {}

  OutgoingMessage Next() {
    parcel_ = Parcel<Unruled>();
    FillWell(parcel_);
    if (number_++ == message_) BrokenRules<Unruled>()[rule_].spoil(parcel_);
    return parcel_;
  }

 private:
  const size_t rule_;
  const int message_;
  int number_ = 0;
  Parcel<Unruled> parcel_;
};

class UnrulyClient final : public ClientInterceptor {
 public:
  explicit UnrulyClient(size_t rule, int message = 0)
      : unruly_(std::make_shared<Unruly>(rule, message)) {}

  std::shared_ptr<ClientCall> StartCall(const Method& method,
                                        const OutgoingMessage* request,
                                        const CallOptions& options,
                                        CallForm form, Caller& next) override {
    if (request == nullptr) {
      return FilterCall<Filter>(next.StartCall(method, nullptr, options, form),
                                unruly_);
    }
    const OutgoingMessage other = unruly_->Next();
    return next.StartCall(method, &other, options, form);
  }

 private:
  class Filter : public ClientCallFilter {
   public:
    Filter(std::shared_ptr<ClientCall> next, std::shared_ptr<Unruly> unruly)
        : ClientCallFilter(std::move(next)), unruly_(std::move(unruly)) {}

   private:
    absl::Status OnSend(OutgoingMessage& message) override {
      message = unruly_->Next();
      return absl::OkStatus();
    }
    const std::shared_ptr<Unruly> unruly_;
  };

  const std::shared_ptr<Unruly> unruly_;
};

class UnrulyServer final : public ServerInterceptor {
 public:
  explicit UnrulyServer(size_t rule, int message = 0)
      : rule_(rule), message_(message) {}

  void Serve(
      const Method&, std::shared_ptr<ServerCall> call,
      absl::FunctionRef<void(std::shared_ptr<ServerCall>)> next) override {
    next(std::make_shared<Filter>(std::move(call), rule_, message_));
  }

 private:
  class Filter final : public ServerCallFilter {
   public:
    Filter(std::shared_ptr<ServerCall> next, size_t rule, int message)
        : ServerCallFilter(std::move(next)), unruly_(rule, message) {}

   private:
    absl::Status OnSend(OutgoingMessage& message) override {
      message = unruly_.Next();
      return absl::OkStatus();
    }
    Unruly unruly_;
  };

  const size_t rule_;
  const int message_;
};

// A server of RulesService of its own, with a channel to it, over a link.
class DescriptorRulesCallsTest : public CallsTest {
 protected:
  // With what stays: the process's loop, after it was made, and the connection
  // to the fixture's server.
  DescriptorCensus CensusBeforeCalls() {
    kept_.emplace(*stub_);
    // Rings, if there are any, are agreed on during the first calls.
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(Echo(Script("echo x")).ok());
    return TakeCensus();
  }

  struct Outcome {
    absl::Status status;
    int requests;   // that reached the handler
    bool lives_on;  // whether the connection does
  };
  // Makes a call that is possibly spoilt, and then one that is not.
  Outcome Call(const Spoiler& client, const Spoiler& server,
               ServerOptions server_options = {},
               const ChannelOptions& channel_options = {}) {
    Served served;
    served.spoiler = server;
    BlockingRules blocking(served);
    CallbackRules callback(served);
    CoroutineRules coroutine(served);
    Server ruled(std::move(server_options));
    if (server_form().name().starts_with("Blocking")) {
      ruled.AddService(blocking);
    } else if (server_form().name().starts_with("Callback")) {
      ruled.AddService(callback);
    } else {
      ruled.AddService(coroutine);
    }
    std::optional<Link> link;
    link.emplace(link_kind(), ruled);
    absl::StatusOr<Channel> channel = link->NewChannel(channel_options);
    EXPECT_TRUE(channel.ok() && link->Open().ok());
    if (server_form().in_loop()) {
      if (loop_ == nullptr) loop_ = std::make_unique<RunningLoop>();
      EXPECT_TRUE(ruled.Start(loop_->loop()).ok());
    } else {
      EXPECT_TRUE(ruled.Start().ok());
    }
    RulesService::Stub stub(*channel);
    const auto call = [&](int number) {
      Parcel<Ruled> request;
      FillWell(request);
      client.Spoil(number, request);
      return Exchange(form(), stub, std::move(request)).status();
    };
    Outcome outcome = {.status = call(0), .requests = 0, .lives_on = false};
    outcome.requests = served.requests;
    outcome.lives_on = call(1).ok();
    return outcome;
  }
  static void ExpectFailed(const Outcome& outcome, absl::StatusCode code,
                           const std::string& error, int requests) {
    EXPECT_EQ(outcome.status.code(), code) << outcome.status;
    EXPECT_THAT(std::string(outcome.status.message()), HasSubstr(error));
    EXPECT_EQ(outcome.requests, requests);
    EXPECT_TRUE(outcome.lives_on);
  }

  std::optional<TestService::Stub> kept_;
};
INSTANTIATE_TEST_SUITE_P(Forms, DescriptorRulesCallsTest, AllForms(),
                         FormsName);
INSTANTIATE_TEST_SUITE_P(Datagrams, DescriptorRulesCallsTest, UnaryForms(),
                         FormsName);

// What BrokenRules() have in the calls of this file: a missing field, a wrong
// kind in a repeated field, a wrong socket in a map.
constexpr size_t kTriedRules[] = {0, 3, 5};

TEST_P(DescriptorRulesCallsTest, WhatKeepsThemPasses) {
  const DescriptorCensus before = CensusBeforeCalls();
  const Outcome outcome = Call({}, {});
  EXPECT_EQ(outcome.status, absl::OkStatus());
  EXPECT_EQ(outcome.requests, 1);
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

TEST_P(DescriptorRulesCallsTest, ARequestThatBreaksOneIsNotSent) {
  const DescriptorCensus before = CensusBeforeCalls();
  for (const size_t rule : kTriedRules) {
    const BrokenRule<Ruled> broken = BrokenRules<Ruled>()[rule];
    ExpectFailed(Call({broken.spoil}, {}), absl::StatusCode::kInvalidArgument,
                 broken.error, 0);
    EXPECT_EQ(TakeCensusExpecting(before), before);
  }
}

TEST_P(DescriptorRulesCallsTest, AReplyThatBreaksOneIsNotSent) {
  const DescriptorCensus before = CensusBeforeCalls();
  for (const size_t rule : kTriedRules) {
    const BrokenRule<Ruled> broken = BrokenRules<Ruled>()[rule];
    ExpectFailed(Call({}, {broken.spoil}), absl::StatusCode::kInternal,
                 broken.error, 1);
    EXPECT_EQ(TakeCensusExpecting(before), before);
  }
}

TEST_P(DescriptorRulesCallsTest, AHandlerDoesNotSeeWhatAnUnrulyClientSends) {
  const DescriptorCensus before = CensusBeforeCalls();
  for (const size_t rule : kTriedRules) {
    ExpectFailed(Call({}, {}, {},
                      {.interceptors = {std::make_shared<UnrulyClient>(rule)}}),
                 absl::StatusCode::kInvalidArgument,
                 BrokenRules<Ruled>()[rule].error, 0);
    EXPECT_EQ(TakeCensusExpecting(before), before);
  }
}

TEST_P(DescriptorRulesCallsTest, AClientDoesNotSeeWhatAnUnrulyServerSends) {
  const DescriptorCensus before = CensusBeforeCalls();
  for (const size_t rule : kTriedRules) {
    // Of each call, the first message.
    const Outcome outcome =
        Call({}, {}, {.interceptors = {std::make_shared<UnrulyServer>(rule)}});
    EXPECT_EQ(outcome.status.code(), absl::StatusCode::kInternal)
        << outcome.status;
    EXPECT_THAT(
        std::string(outcome.status.message()),
        HasSubstr("the server's reply: " + BrokenRules<Ruled>()[rule].error));
    EXPECT_EQ(outcome.requests, 1);
    EXPECT_EQ(TakeCensusExpecting(before), before);
  }
}

// Every message of a stream, in both directions. The forms share what checks
// them.
class StreamRulesTest : public ::testing::TestWithParam<Link::Kind> {
 protected:
  static constexpr int kMessages = 4;
  static constexpr int kBroken = 2;  // of them

  struct Outcome {
    absl::Status status;
    int replies = 0;
    int requests = 0;
  };
  static Outcome Call(const Spoiler& client, const Spoiler& server,
                      ServerOptions server_options = {},
                      const ChannelOptions& channel_options = {}) {
    Served served;
    served.spoiler = server;
    CoroutineRules service(served);
    Server ruled(std::move(server_options));
    ruled.AddService(service);
    Link link(GetParam(), ruled);
    absl::StatusOr<Channel> channel = link.NewChannel(channel_options);
    EXPECT_TRUE(channel.ok() && link.Open().ok() && ruled.Start().ok());
    RulesService::Stub stub(*channel);
    Outcome outcome;
    auto call = stub.ExchangeAll();
    for (int i = 0; i < kMessages; ++i) {
      Parcel<Ruled> request;
      FillWell(request);
      client.Spoil(i, request);
      if (!call.Write(std::move(request)) || !call.Read().has_value()) break;
      ++outcome.replies;
    }
    outcome.status = call.Finish();
    outcome.requests = served.requests;
    return outcome;
  }
  static void ExpectEndedAtTheBrokenOne(const Outcome& outcome,
                                        absl::StatusCode code,
                                        const std::string& error,
                                        int requests) {
    EXPECT_EQ(outcome.status.code(), code) << outcome.status;
    EXPECT_THAT(std::string(outcome.status.message()), HasSubstr(error));
    EXPECT_EQ(outcome.replies, kBroken);
    EXPECT_EQ(outcome.requests, requests);
  }

  ExpectSameDescriptors census_;
};
INSTANTIATE_TEST_SUITE_P(Over, StreamRulesTest, ::testing::ValuesIn(Link::kAll),
                         [](const auto& kind) { return NameOf(kind.param); });

TEST_P(StreamRulesTest, AllMessagesThatKeepThemPass) {
  const Outcome outcome = Call({}, {});
  EXPECT_EQ(outcome.status, absl::OkStatus());
  EXPECT_EQ(outcome.replies, kMessages);
}

TEST_P(StreamRulesTest, ARequestThatBreaksOneEndsTheCall) {
  const BrokenRule<Ruled> broken = BrokenRules<Ruled>()[1];
  ExpectEndedAtTheBrokenOne(Call({broken.spoil, kBroken}, {}),
                            absl::StatusCode::kInvalidArgument, broken.error,
                            kBroken);
}

TEST_P(StreamRulesTest, AReplyThatBreaksOneEndsTheCall) {
  const BrokenRule<Ruled> broken = BrokenRules<Ruled>()[1];
  ExpectEndedAtTheBrokenOne(Call({}, {broken.spoil, kBroken}),
                            absl::StatusCode::kInternal, broken.error,
                            kBroken + 1);
}

TEST_P(StreamRulesTest, ARequestOfAnUnrulyClientEndsTheCall) {
  ExpectEndedAtTheBrokenOne(
      Call({}, {}, {},
           {.interceptors = {std::make_shared<UnrulyClient>(1, kBroken)}}),
      absl::StatusCode::kInvalidArgument, BrokenRules<Ruled>()[1].error,
      kBroken);
}

TEST_P(StreamRulesTest, AReplyOfAnUnrulyServerEndsTheCall) {
  ExpectEndedAtTheBrokenOne(
      Call({}, {},
           {.interceptors = {std::make_shared<UnrulyServer>(1, kBroken)}}),
      absl::StatusCode::kInternal,
      "the server's reply: " + BrokenRules<Ruled>()[1].error, kBroken + 1);
}

}  // namespace
}  // namespace fdrpc::testing
