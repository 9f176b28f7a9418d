#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/channel.h"
#include "fdrpc/loop.h"
#include "fdrpc/server.h"
#include "fdrpc/shared_fd.h"
#include "tests/bench/echo.fdrpc.h"
#include "tests/bench/echo_descriptor.fdrpc.h"
#include "tests/bench/system.h"

namespace fdrpc::bench {
namespace {

void CheckOk(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kUnimplemented) {
    Skip(std::string(status.message()));
  }
  if (!status.ok()) Fail(status.ToString());
}

// The defaults, unless a workload exceeds their limits.

ServerOptions MakeServerOptions(const Flags& flags) {
  ServerOptions options;
  // The handler of a stream holds a thread.
  options.max_threads = std::max(options.max_threads, flags.threads + 2);
  // The idle connections, and one.
  options.max_connections =
      std::max(options.max_connections, flags.connections + 1);
  options.max_calls_per_connection =
      std::max<uint32_t>(options.max_calls_per_connection, flags.in_flight);
  options.max_request_bytes =
      std::max<uint32_t>(options.max_request_bytes, flags.payload + 1024);
  // All connections come from one user.
  options.max_connections_per_user =
      std::max(options.max_connections_per_user, flags.connections + 1);
  if (flags.form == "block") options.max_busy_poll = absl::ZeroDuration();
  return options;
}

ChannelOptions MakeChannelOptions(const Flags& flags) {
  ChannelOptions options;
  options.max_reply_bytes =
      std::max<uint32_t>(options.max_reply_bytes, flags.payload + 1024);
  if (flags.form == "block") options.max_busy_poll = absl::ZeroDuration();
  return options;
}

// A service with blocking handlers.
class EchoService final : public echo::Echo::Service {
 public:
  absl::Status Unary(ServerContext&, const echo::Payload& request,
                     echo::Payload& reply) override {
    reply.set_payload(request.payload());
    return absl::OkStatus();
  }

  absl::Status Down(ServerContext&, const echo::DownRequest& request,
                    ServerWriter<echo::Payload>& writer) override {
    echo::Payload payload;
    payload.set_payload(std::string(request.payload_bytes(), 'x'));
    const WriteOptions options = {.may_linger = request.batched()};
    while (writer.Write(payload, options)) {
    }
    return absl::OkStatus();
  }

  absl::Status Up(ServerContext&, ServerReader<echo::Payload>& reader,
                  echo::UpReply& reply) override {
    echo::Payload payload;
    uint64_t messages = 0;
    while (reader.Read(payload)) ++messages;
    reply.set_messages(messages);
    return absl::OkStatus();
  }
};

class EchoDescriptorService final : public echo::EchoDescriptor::Service {
 public:
  absl::Status Unary(ServerContext&, Parcel<echo::DescriptorPayload>& request,
                     Parcel<echo::DescriptorPayload>& reply) override {
    reply->set_payload(request->payload());
    reply.set_file(request.take_file());
    return absl::OkStatus();
  }
};

class FdrpcConnection final : public Connection {
 public:
  explicit FdrpcConnection(const Flags& flags)
      : flags_(flags),
        loop_(flags.workload == "in_flight" ? std::optional(MakeLoop())
                                            : std::nullopt),
        channel_(MakeChannel(flags, loop_)),
        stub_(channel_),
        descriptor_stub_(channel_) {
    request_.set_payload(std::string(flags.payload, 'x'));
  }

  void Echo() override { CheckReply(stub_.Unary(request_)); }

  void EchoDescriptor() override {
    if (!file_.ok()) {
      file_ = SharedFd(UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)));
    }
    Parcel<echo::DescriptorPayload> request;
    request->set_payload(request_.payload());
    request.set_file(file_);
    auto reply = descriptor_stub_.Unary(std::move(request));
    CheckOk(reply.status());
    Check(reply->has_file(), "no descriptor came");
  }

  void EchoInFlight(Meter& meter) override {
    outstanding_ = flags_.in_flight;
    for (int i = 0; i < flags_.in_flight; ++i) Begin(meter);
    loop_->Run();
  }

  void Down(Meter& meter) override {
    echo::DownRequest request;
    request.set_payload_bytes(flags_.payload);
    request.set_batched(flags_.batched);
    ClientReader<echo::Payload> reader = stub_.Down(request);
    echo::Payload payload;
    while (meter.Next()) {
      if (!reader.Read(payload)) CheckOk(reader.Finish());
    }
  }

  void Up(Meter& meter) override {
    auto writer = stub_.Up();
    uint64_t messages = 0;
    const WriteOptions options = {.may_linger = flags_.batched};
    for (; meter.Next(); ++messages) {
      if (!writer.Write(request_, options)) break;
    }
    absl::StatusOr<echo::UpReply> reply = writer.Finish();
    CheckOk(reply.status());
    Check(reply->messages() == messages, "not all has arrived");
  }

 private:
  static Loop MakeLoop() {
    absl::StatusOr<Loop> loop = Loop::Create();
    CheckOk(loop.status());
    return *std::move(loop);
  }

  static Channel MakeChannel(const Flags& flags,
                             const std::optional<Loop>& loop) {
    ChannelOptions options = MakeChannelOptions(flags);
    options.loop = loop;
    absl::StatusOr<Channel> channel = Channel::Connect(flags.address, options);
    CheckOk(channel.status());
    return *std::move(channel);
  }

  void CheckReply(const absl::StatusOr<echo::Payload>& reply) {
    if (!reply.ok()) return CheckOk(reply.status());
    Check(reply->payload().size() == request_.payload().size(),
          "another payload came back");
  }

  // Each call starts the next one in its callback.
  void Begin(Meter& meter) {
    stub_.async().Unary(request_, {},
                        [this, &meter](absl::StatusOr<echo::Payload> reply) {
                          CheckReply(reply);
                          if (meter.Next()) return Begin(meter);
                          if (--outstanding_ == 0) loop_->Stop();
                        });
  }

  const Flags flags_;
  std::optional<Loop> loop_;
  Channel channel_;
  echo::Echo::Stub stub_;
  echo::EchoDescriptor::Stub descriptor_stub_;
  echo::Payload request_;
  SharedFd file_;
  int outstanding_ = 0;
};

}  // namespace

void Serve(const Flags& flags) {
  EchoService service;
  EchoDescriptorService descriptor_service;
  Server server(MakeServerOptions(flags));
  server.AddService(service);
  server.AddService(descriptor_service);
  CheckOk(server.Listen(flags.address));
  CheckOk(server.Start());
  Ready();
  server.Wait();
}

std::unique_ptr<Connection> Connect(const Flags& flags) {
  return std::make_unique<FdrpcConnection>(flags);
}

bool ThreadsShareConnection() { return true; }

}  // namespace fdrpc::bench
