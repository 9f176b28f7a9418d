// Interceptors and the descriptors of requests and replies, in all forms.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "fdrpc/client_call_filter.h"
#include "fdrpc/client_interceptor.h"
#include "fdrpc/server_call_filter.h"
#include "fdrpc/server_interceptor.h"
#include "fdrpc/task.h"
#include "tests/calls/calls_fixture.h"
#include "tests/calls/exchange.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

// Replies with its request's file, and with the file's content and a word as
// the text.
absl::Status Exchanged(Parcel<Files>& request, Parcel<Files>& reply) {
  reply->set_text(request->text() + ReadRest(request.first()) + ",handler,");
  reply.set_first(request.take_first());
  return absl::OkStatus();
}

class BlockingExchange final : public TestService::Service {
 public:
  absl::Status Exchange(ServerContext&, Parcel<Files>& request,
                        Parcel<Files>& reply) override {
    return Exchanged(request, reply);
  }
};

class CallbackExchange final : public TestService::AsyncService {
 public:
  void Exchange(AsyncServerUnary<Parcel<Files>, Parcel<Files>> call) override {
    Parcel<Files> reply;
    (void)Exchanged(call.request(), reply);
    call.Finish(std::move(reply));
  }
};

class CoroutineExchange final : public TestService::CoService {
 public:
  Task<absl::Status> Exchange(ServerContext&, Parcel<Files>& request,
                              Parcel<Files>& reply) override {
    co_return Exchanged(request, reply);
  }
};

// Records in a message's text that it saw the message, and replaces its first
// file.
absl::Status Replace(const std::string& name, Parcel<Files>& parcel) {
  parcel->mutable_text()->append(ReadRest(parcel.first()) + "," + name + ",");
  parcel.set_first(FileWith(name));
  return absl::OkStatus();
}
// The same, without knowing the type.
absl::Status ReplaceAny(const std::string& name, ParcelBase& parcel) {
  auto& message = static_cast<Files&>(parcel.lite_message());
  EXPECT_EQ(parcel.descriptors().size(), 1u);
  AttachedFd& first = parcel.descriptors()[message.first().slot() - 1];
  message.mutable_text()->append(ReadRest(first.get()) + "," + name + ",");
  first = FileWith(name);
  return absl::OkStatus();
}

constexpr int kNowhere = 4;

// `refuses`: at which of the four places a message is refused.
class ReplacingClient final : public ClientInterceptor {
 public:
  explicit ReplacingClient(int refuses) : refuses_(refuses) {}

  std::shared_ptr<ClientCall> StartCall(const Method& method,
                                        const OutgoingMessage* request,
                                        const CallOptions& options,
                                        CallForm form, Caller& next) override {
    (void)ReplaceAny("client", *request->parcel);
    return FilterCall<Filter>(next.StartCall(method, request, options, form),
                              refuses_);
  }

 private:
  class Filter : public ClientCallFilter {
   public:
    Filter(std::shared_ptr<ClientCall> next, int refuses)
        : ClientCallFilter(std::move(next)), refuses_(refuses) {}

   private:
    absl::Status OnReceive(IncomingMessage message) override {
      if (refuses_ == 0) return absl::DataLossError("refused");
      return Replace("end", static_cast<Parcel<Files>&>(*message.parcel));
    }
    const int refuses_;
  };

  const int refuses_;
};

class ReplacingServer final : public ServerInterceptor {
 public:
  explicit ReplacingServer(int refuses) : refuses_(refuses) {}

  void Serve(
      const Method&, std::shared_ptr<ServerCall> call,
      absl::FunctionRef<void(std::shared_ptr<ServerCall>)> next) override {
    if (refuses_ == 1) {
      return call->Finish(absl::DataLossError("refused"), nullptr);
    }
    next(std::make_shared<Filter>(std::move(call), refuses_));
  }

 private:
  class Filter final : public ServerCallFilter {
   public:
    Filter(std::shared_ptr<ServerCall> next, int refuses)
        : ServerCallFilter(std::move(next)), refuses_(refuses) {}

   private:
    absl::Status OnReceive(IncomingMessage message) override {
      if (refuses_ == 2) return absl::DataLossError("refused");
      return Replace("server", static_cast<Parcel<Files>&>(*message.parcel));
    }
    // Another parcel instead of the handler's.
    absl::Status OnSend(OutgoingMessage& message) override {
      if (refuses_ == 3) return absl::DataLossError("refused");
      auto& parcel = static_cast<Parcel<Files>&>(*message.parcel);
      other_->set_text(parcel->text());
      other_.set_first(parcel.take_first());
      message = other_;
      return ReplaceAny("back", other_);
    }

    const int refuses_;
    Parcel<Files> other_;
  };

  const int refuses_;
};

class DescriptorInterceptorsTest : public CallsTest {
 protected:
  // With what stays: the process's loop, after it was made, and the connection
  // to the fixture's server, which has nothing else to close then.
  DescriptorCensus CensusBeforeCalls() {
    kept_.emplace(*stub_);
    // Rings, if there are any, are agreed on during the first calls.
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(Echo(Script("echo x")).ok());
    return TakeCensus();
  }
  // The result of a call through both interceptors, on a server of its own.
  absl::StatusOr<Parcel<Files>> Call(int refuses) {
    BlockingExchange blocking;
    CallbackExchange callback;
    CoroutineExchange coroutine;
    const std::unique_ptr<Server> server = NewServer(
        {.interceptors = {std::make_shared<ReplacingServer>(refuses)}});
    if (server_form().name().starts_with("Blocking")) {
      server->AddService(blocking);
    } else if (server_form().name().starts_with("Callback")) {
      server->AddService(callback);
    } else {
      server->AddService(coroutine);
    }
    std::optional<Link> link;
    Serve(*server, link,
          {.interceptors = {std::make_shared<ReplacingClient>(refuses)}});
    Parcel<Files> request;
    request.set_first(FileWith("caller"));
    absl::StatusOr<Parcel<Files>> reply =
        Exchange(form(), *stub_, std::move(request));
    stub_.reset();
    return reply;
  }

  std::optional<TestService::Stub> kept_;
};
INSTANTIATE_TEST_SUITE_P(Forms, DescriptorInterceptorsTest, AllForms(),
                         FormsName);

TEST_P(DescriptorInterceptorsTest, DescriptorsAreReplacedOnEveryWay) {
  const DescriptorCensus before = CensusBeforeCalls();
  {
    absl::StatusOr<Parcel<Files>> reply = Call(kNowhere);
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ((*reply)->text(),
              "caller,client,client,server,server,handler,,back,back,end,");
    EXPECT_EQ(ReadRest(reply->first()), "end");
  }
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

TEST_P(DescriptorInterceptorsTest, DescriptorsOfRefusedMessagesAreClosed) {
  const DescriptorCensus before = CensusBeforeCalls();
  for (int refuses = 0; refuses < kNowhere; ++refuses) {
    EXPECT_EQ(Call(refuses).status().message(), "refused") << refuses;
    EXPECT_EQ(TakeCensusExpecting(before), before) << refuses;
  }
}

}  // namespace
}  // namespace fdrpc::testing
