// What interceptors and handlers of both sides see of a call's descriptors,
// without taking them, in all forms.

#include <memory>
#include <mutex>
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
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

// Records what passes by.
class Records {
 public:
  void Add(const std::string& where, const ParcelBase& parcel) {
    for (const DescriptorInfo& info : parcel.ListDescriptors()) {
      const std::lock_guard lock(mu_);
      lines_.push_back(where + " " + info.field + ", " +
                       std::string(InWords(info.kind)) + ", " +
                       std::to_string(info.size) + " bytes");
    }
  }
  std::vector<std::string> Take() {
    const std::lock_guard lock(mu_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mu_;
  std::vector<std::string> lines_;
};

class AuditingClient final : public ClientInterceptor {
 public:
  explicit AuditingClient(Records& records) : records_(records) {}

  std::shared_ptr<ClientCall> StartCall(const Method& method,
                                        const OutgoingMessage* request,
                                        const CallOptions& options,
                                        CallForm form, Caller& next) override {
    if (request != nullptr && request->parcel != nullptr) {
      records_.Add("client sends", *request->parcel);
    }
    return FilterCall<Filter>(next.StartCall(method, request, options, form),
                              records_);
  }

 private:
  class Filter : public ClientCallFilter {
   public:
    Filter(std::shared_ptr<ClientCall> next, Records& records)
        : ClientCallFilter(std::move(next)), records_(records) {}

   private:
    absl::Status OnSend(OutgoingMessage& message) override {
      records_.Add("client sends", *message.parcel);
      return absl::OkStatus();
    }
    absl::Status OnReceive(IncomingMessage message) override {
      if (message.parcel != nullptr) {
        records_.Add("client receives", *message.parcel);
      }
      return absl::OkStatus();
    }
    Records& records_;
  };

  Records& records_;
};

class AuditingServer final : public ServerInterceptor {
 public:
  explicit AuditingServer(Records& records) : records_(records) {}

  void Serve(
      const Method&, std::shared_ptr<ServerCall> call,
      absl::FunctionRef<void(std::shared_ptr<ServerCall>)> next) override {
    next(std::make_shared<Filter>(std::move(call), records_));
  }

 private:
  class Filter final : public ServerCallFilter {
   public:
    Filter(std::shared_ptr<ServerCall> next, Records& records)
        : ServerCallFilter(std::move(next)), records_(records) {}

   private:
    absl::Status OnReceive(IncomingMessage message) override {
      records_.Add("server receives", *message.parcel);
      return absl::OkStatus();
    }
    absl::Status OnSend(OutgoingMessage& message) override {
      records_.Add("server sends", *message.parcel);
      return absl::OkStatus();
    }
    Records& records_;
  };

  Records& records_;
};

// Records its request, and returns its first file.
void Return(Records& records, Parcel<Files>& request, Parcel<Files>& reply) {
  records.Add("handler sees", request);
  reply.set_first(request.take_files(0));
}

class BlockingAudited final : public TestService::Service {
 public:
  explicit BlockingAudited(Records& records) : records_(records) {}
  absl::Status Exchange(ServerContext&, Parcel<Files>& request,
                        Parcel<Files>& reply) override {
    Return(records_, request, reply);
    return absl::OkStatus();
  }

 private:
  Records& records_;
};

class CallbackAudited final : public TestService::AsyncService {
 public:
  explicit CallbackAudited(Records& records) : records_(records) {}
  void Exchange(AsyncServerUnary<Parcel<Files>, Parcel<Files>> call) override {
    Parcel<Files> reply;
    Return(records_, call.request(), reply);
    call.Finish(std::move(reply));
  }

 private:
  Records& records_;
};

class CoroutineAudited final : public TestService::CoService {
 public:
  explicit CoroutineAudited(Records& records) : records_(records) {}
  Task<absl::Status> Exchange(ServerContext&, Parcel<Files>& request,
                              Parcel<Files>& reply) override {
    Return(records_, request, reply);
    co_return absl::OkStatus();
  }
  Task<absl::Status> ExchangeAll(
      ServerContext&,
      CoServerStream<Parcel<Files>, Parcel<Files>>& stream) override {
    while (std::optional<Parcel<Files>> request = co_await stream.Read()) {
      Parcel<Files> reply;
      Return(records_, *request, reply);
      if (!co_await stream.Write(std::move(reply))) break;
    }
    co_return absl::OkStatus();
  }

 private:
  Records& records_;
};

Parcel<Files> FileAndPipe() {
  Parcel<Files> request;
  request.add_files(FileWith("12345"));
  request.add_files(Pipe().first);
  return request;
}

// What is recorded of that and of its reply.
std::vector<std::string> ExpectedRecords() {
  const std::string file = " fdrpc.testing.Files.files[0], a memfd, 5 bytes";
  const std::string pipe =
      " fdrpc.testing.Files.files[1], a pipe or FIFO, 0 bytes";
  const std::string returned = " fdrpc.testing.Files.first, a memfd, 5 bytes";
  return {"client sends" + file,     "client sends" + pipe,
          "server receives" + file,  "server receives" + pipe,
          "handler sees" + file,     "handler sees" + pipe,
          "server sends" + returned, "client receives" + returned};
}

using DescriptorAuditTest = CallsTest;
INSTANTIATE_TEST_SUITE_P(Forms, DescriptorAuditTest, AllForms(), FormsName);
INSTANTIATE_TEST_SUITE_P(Datagrams, DescriptorAuditTest, UnaryForms(),
                         FormsName);

TEST_P(DescriptorAuditTest, EachPlaceListsWhatPasses) {
  Records records;
  BlockingAudited blocking(records);
  CallbackAudited callback(records);
  CoroutineAudited coroutine(records);
  Server server({.interceptors = {std::make_shared<AuditingServer>(records)}});
  if (server_form().name().starts_with("Blocking")) {
    server.AddService(blocking);
  } else if (server_form().name().starts_with("Callback")) {
    server.AddService(callback);
  } else {
    server.AddService(coroutine);
  }
  std::optional<Link> link;
  Serve(server, link,
        {.interceptors = {std::make_shared<AuditingClient>(records)}});
  absl::StatusOr<Parcel<Files>> reply = Exchange(form(), *stub_, FileAndPipe());
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(ReadRest(reply->first()), "12345");
  EXPECT_EQ(records.Take(), ExpectedRecords());
  stub_.reset();
}

// Every message of a stream. The forms share what shows them to interceptors.
class StreamAuditTest : public ::testing::TestWithParam<Link::Kind> {
 protected:
  ExpectSameDescriptors census_;
};
INSTANTIATE_TEST_SUITE_P(Over, StreamAuditTest, ::testing::ValuesIn(Link::kAll),
                         [](const auto& kind) { return NameOf(kind.param); });

TEST_P(StreamAuditTest, EachPlaceListsWhatPasses) {
  Records records;
  CoroutineAudited service(records);
  Server server({.interceptors = {std::make_shared<AuditingServer>(records)}});
  server.AddService(service);
  Link link(GetParam(), server);
  absl::StatusOr<Channel> channel = link.NewChannel(
      {.interceptors = {std::make_shared<AuditingClient>(records)}});
  ASSERT_TRUE(channel.ok() && link.Open().ok() && server.Start().ok());
  TestService::Stub stub(*channel);
  auto call = stub.ExchangeAll();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(call.Write(FileAndPipe()));
    const std::optional<Parcel<Files>> reply = call.Read();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(ReadRest(reply->first()), "12345");
    EXPECT_EQ(records.Take(), ExpectedRecords());
  }
  EXPECT_EQ(call.Finish(), absl::OkStatus());
}

}  // namespace
}  // namespace fdrpc::testing
