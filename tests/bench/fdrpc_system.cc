#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "fdrpc/channel.h"
#include "fdrpc/channel_to_client.h"
#include "fdrpc/loop.h"
#include "fdrpc/offered_services.h"
#include "fdrpc/server.h"
#include "fdrpc/shared_buffer.h"
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
  // The request before may still be held when one arrives.
  const size_t held = 2 * size_t{options.max_request_bytes};
  options.max_held_bytes_per_connection =
      std::max(options.max_held_bytes_per_connection, held);
  options.max_held_bytes_per_user =
      std::max(options.max_held_bytes_per_user, held);
  // All connections come from one user.
  if (flags.connections > 1) {
    options.max_connections_per_user =
        std::max(options.max_connections_per_user, flags.connections + 1);
  }
  if (flags.form == "block") options.max_busy_poll = absl::ZeroDuration();
  if (flags.form == "socket") options.rings = Rings::kOff;
  return options;
}

ChannelOptions MakeChannelOptions(const Flags& flags) {
  ChannelOptions options;
  options.max_reply_bytes =
      std::max<uint32_t>(options.max_reply_bytes, flags.payload + 1024);
  if (flags.form == "block") options.max_busy_poll = absl::ZeroDuration();
  if (flags.form == "socket") options.rings = Rings::kOff;
  options.connectionless = flags.form == "connectionless";
  return options;
}

// Looks at the first page of a buffer.
bool LookAt(const SharedBuffer& buffer) {
  return buffer.data().front() == std::byte{0};
}

// Messages with descriptors of the kinds that are closed in different ways:
// devices, pipes, memory, sockets.
class VariousFiles {
 public:
  VariousFiles() {
    int pipe_ends[2];
    int socket_ends[2];
    Check(pipe2(pipe_ends, O_CLOEXEC) == 0, "pipe2");
    Check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket_ends) == 0,
          "socketpair");
    for (int fd :
         {open("/dev/null", O_RDONLY | O_CLOEXEC), pipe_ends[0], pipe_ends[1],
          memfd_create("bench", MFD_CLOEXEC), socket_ends[0], socket_ends[1]}) {
      files_.emplace_back(UniqueFd(fd));
    }
  }

  // As many as fit, but not more than `left`, which is reduced by them.
  Parcel<echo::Descriptors> Next(uint64_t& left) {
    constexpr uint64_t kMost = 252;
    Parcel<echo::Descriptors> message;
    const uint64_t count = std::min(left, kMost);
    for (uint64_t i = 0; i < count; ++i) {
      message.add_files(files_[i % files_.size()]);
    }
    left -= count;
    return message;
  }

 private:
  std::vector<SharedFd> files_;
};

// Takes those of every second message, and leaves the others to the parcel.
uint64_t Take(Parcel<echo::Descriptors>& message, uint64_t turn) {
  const int count = message.files_size();
  for (int i = 0; i < count && turn % 2 == 0; ++i) (void)message.take_files(i);
  return static_cast<uint64_t>(count);
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

class Observer final : public echo::Observer::Service {
 public:
  absl::Status Notice(ServerContext&, const echo::ToldPayload& request,
                      echo::ToldPayload& reply) override {
    reply.set_payload(request.payload());
    return absl::OkStatus();
  }
};

class EchoDescriptorService final : public echo::EchoDescriptor::Service {
 public:
  explicit EchoDescriptorService(Server& server) : server_(server) {}

  absl::Status CallBack(ServerContext& context,
                        const echo::ToldPayload& request,
                        echo::ToldPayload& reply) override {
    const absl::StatusOr<Channel> client = ChannelToClient(context);
    if (!client.ok()) return client.status();
    absl::StatusOr<echo::ToldPayload> got =
        echo::Observer::Stub(*client).Notice(request);
    if (got.ok()) reply = *std::move(got);
    return got.status();
  }
  absl::Status Give(ServerContext& context, const echo::ToldPayload&,
                    Parcel<echo::Given>& reply) override {
    ServerForClient server(server_, context);
    return reply.serve_observer(server, std::make_shared<Observer>());
  }

  absl::Status Unary(ServerContext&, Parcel<echo::DescriptorPayload>& request,
                     Parcel<echo::DescriptorPayload>& reply) override {
    reply->set_payload(request->payload());
    reply.set_file(request.take_file());
    return absl::OkStatus();
  }
  absl::Status Tell(ServerContext&, const echo::ToldPayload&) override {
    return absl::OkStatus();
  }

  absl::Status HandBytes(ServerContext&, const echo::Bytes& request,
                         echo::Count& reply) override {
    reply.set_count(request.bytes().size());
    return absl::OkStatus();
  }

  absl::Status HandBuffer(ServerContext&,
                          Parcel<echo::DescriptorPayload>& request,
                          echo::Count& reply) override {
    const auto buffer = SharedBuffer::FromFd(request.take_file());
    if (!buffer.ok()) return buffer.status();
    reply.set_count(LookAt(*buffer) ? buffer->size() : 0);
    return absl::OkStatus();
  }

  absl::Status PutAll(ServerContext&,
                      ServerReader<Parcel<echo::Descriptors>>& reader,
                      echo::Count& reply) override {
    uint64_t count = 0;
    uint64_t messages = 0;
    while (auto message = reader.Read()) count += Take(*message, messages++);
    reply.set_count(count);
    return absl::OkStatus();
  }

  absl::Status GetAll(
      ServerContext&, const echo::Count& request,
      ServerWriter<Parcel<echo::Descriptors>>& writer) override {
    VariousFiles files;
    for (uint64_t left = request.count(); left > 0;) {
      if (!writer.Write(files.Next(left))) return absl::CancelledError("gone");
    }
    return absl::OkStatus();
  }

 private:
  Server& server_;
};

class FdrpcConnection final : public Connection {
 public:
  explicit FdrpcConnection(const Flags& flags)
      : flags_(flags),
        loop_(flags.workload == "in_flight" ? std::optional(MakeLoop())
                                            : std::nullopt),
        channel_(MakeChannel(flags)),
        stub_(channel_),
        descriptor_stub_(channel_) {
    const std::string payload(flags.payload, 'x');
    if (flags.workload == "hand_bytes") {
      bytes_.set_bytes(payload);
    } else if (flags.workload != "hand_buffer") {
      request_.set_payload(payload);
    }
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
    Check(reply->take_file().ok(), "no descriptor came");
  }

  void Tell() override {
    echo::ToldPayload told;
    told.set_payload(request_.payload());
    CheckOk(descriptor_stub_.Tell(told));
  }

  void CallBack() override { CheckNotice(descriptor_stub_.CallBack(Told())); }

  void CallGiven() override {
    auto reply = descriptor_stub_.Give(echo::ToldPayload());
    CheckOk(reply.status());
    absl::StatusOr<echo::Observer::Stub> observer = reply->take_observer();
    CheckOk(observer.status());
    CheckNotice(observer->Notice(Told()));
  }

  void HandBytes() override {
    const auto reply = descriptor_stub_.HandBytes(bytes_);
    CheckOk(reply.status());
    Check(reply->count() == bytes_.bytes().size(), "not all has arrived");
  }

  void HandBuffer() override {
    if (!file_.ok()) {
      auto buffer = SharedBuffer::Create(static_cast<size_t>(flags_.payload));
      CheckOk(buffer.status());
      const auto sealed = buffer->Seal();
      CheckOk(sealed.status());
      file_ = *sealed;
    }
    Parcel<echo::DescriptorPayload> request;
    request.set_file(file_);
    const auto reply = descriptor_stub_.HandBuffer(std::move(request));
    CheckOk(reply.status());
    Check(reply->count() == static_cast<uint64_t>(flags_.payload),
          "not all has arrived");
  }

  void PassDescriptors(uint64_t count) override {
    uint64_t left = count / 2;
    {
      VariousFiles files;
      auto writer = descriptor_stub_.PutAll();
      while (left > 0 && writer.Write(files.Next(left))) {
      }
      const absl::StatusOr<echo::Count> put = writer.Finish();
      CheckOk(put.status());
      Check(put->count() == count / 2, "not all have arrived");
    }
    echo::Count wanted;
    wanted.set_count(count - count / 2);
    auto reader = descriptor_stub_.GetAll(wanted);
    uint64_t got = 0;
    uint64_t messages = 0;
    while (auto message = reader.Read()) got += Take(*message, messages++);
    CheckOk(reader.Finish());
    Check(got == wanted.count(), "not all have arrived");
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

  Channel MakeChannel(const Flags& flags) {
    ChannelOptions options = MakeChannelOptions(flags);
    options.loop = loop_;
    if (flags.workload == "call_back") {
      options.offer =
          offered_.emplace(std::initializer_list<Service*>{&observer_});
    }
    absl::StatusOr<Channel> channel = Channel::Connect(flags.address, options);
    CheckOk(channel.status());
    return *std::move(channel);
  }

  echo::ToldPayload Told() const {
    echo::ToldPayload told;
    told.set_payload(request_.payload());
    return told;
  }
  void CheckNotice(const absl::StatusOr<echo::ToldPayload>& reply) {
    CheckOk(reply.status());
    Check(reply->payload().size() == request_.payload().size(),
          "another payload came back");
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
  Observer observer_;
  std::optional<OfferedServices> offered_;
  Channel channel_;
  echo::Echo::Stub stub_;
  echo::EchoDescriptor::Stub descriptor_stub_;
  echo::Payload request_;
  echo::Bytes bytes_;
  SharedFd file_;
  int outstanding_ = 0;
};

}  // namespace

void Serve(const Flags& flags) {
  EchoService service;
  Server server(MakeServerOptions(flags));
  EchoDescriptorService descriptor_service(server);
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
