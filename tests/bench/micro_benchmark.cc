// The cost of the parts of a call: build-bench/tests/bench/
// fdrpc_micro_benchmark (Google Benchmark).

#include <fcntl.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "call/credit.h"
#include "call/message_assembler.h"
#include "call/parse.h"
#include "fdrpc/channel_to_client.h"
#include "fdrpc/in_process_server.h"
#include "fdrpc/offered_services.h"
#include "loop/timer_queue.h"
#include "server/service_registry.h"
#include "tests/bench/echo.fdrpc.h"
#include "tests/bench/echo_descriptor.fdrpc.h"
#include "wire/frame_header.h"

namespace fdrpc {
namespace {

echo::Payload PayloadOf(int64_t bytes) {
  echo::Payload payload;
  payload.set_payload(std::string(bytes, 'x'));
  return payload;
}

class EchoService final : public echo::Echo::Service {
 public:
  absl::Status Unary(ServerContext&, const echo::Payload& request,
                     echo::Payload& reply) override {
    reply.set_payload(request.payload());
    return absl::OkStatus();
  }
};

void FrameHeaderThereAndBack(benchmark::State& state) {
  FrameHeader header{.payload_bytes = 66,
                     .call_id = 1,
                     .type = static_cast<uint8_t>(FrameType::kOpen),
                     .flags = kFlagMessage,
                     .descriptor_count = 1,
                     .argument = 3};
  char bytes[kFrameHeaderBytes];
  for (auto _ : state) {
    ++header.call_id;
    EncodeFrameHeader(header, bytes);
    benchmark::ClobberMemory();
    benchmark::DoNotOptimize(DecodeFrameHeader(bytes));
  }
}
BENCHMARK(FrameHeaderThereAndBack);

// A message of `range(0)` bytes in pieces of `range(1)`.
void MessageAssembled(benchmark::State& state) {
  const std::string message(state.range(0), 'x');
  const auto piece_bytes = static_cast<size_t>(state.range(1));
  MessageAssembler assembler({.bytes = 64u << 20, .descriptors = 0});
  for (auto _ : state) {
    for (size_t at = 0; at < message.size(); at += piece_bytes) {
      assembler.Append(std::string_view(message).substr(at, piece_bytes), {},
                       /*truncated=*/false,
                       /*more=*/at + piece_bytes < message.size());
    }
    benchmark::DoNotOptimize(assembler.Take());
    assembler.Reset();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(MessageAssembled)
    ->Args({64, 64})
    ->Args({64 << 10, 64 << 10})
    ->Args({1 << 20, 512 << 10});

// From the bytes of a message to the message.
void MessageParsed(benchmark::State& state) {
  const std::string bytes = PayloadOf(state.range(0)).SerializeAsString();
  for (auto _ : state) {
    echo::Payload payload;
    const absl::Status parsed =
        ParseReceived({ReceivedBytes(bytes), {}}, payload);
    benchmark::DoNotOptimize(parsed);
  }
}
BENCHMARK(MessageParsed)->Arg(64)->Arg(1 << 20);

// The slots of a parcel with one descriptor: prepared for sending, and
// accepted.
void SlotsWalked(benchmark::State& state) {
  const SharedFd file(UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)));
  Parcel<echo::DescriptorPayload> parcel;
  parcel.set_file(file);
  for (auto _ : state) {
    absl::Status prepared = parcel.PrepareToSend();
    absl::Status accepted = parcel.Accept(parcel.TakeDescriptors());
    benchmark::DoNotOptimize(prepared);
    benchmark::DoNotOptimize(accepted);
  }
}
BENCHMARK(SlotsWalked);

// Flow control of one message of a stream, on both sides.
void CreditSpentAndGranted(benchmark::State& state) {
  constexpr Credit kWindow = {.bytes = 256u << 10, .descriptors = 256};
  SendCredit sender(kWindow);
  ReceiveCredit receiver(kWindow);
  for (auto _ : state) {
    benchmark::DoNotOptimize(sender.Allows(0));
    sender.Spend(66, 0);
    receiver.MessageBegins();
    receiver.Arrived(66, 0);
    const Credit grant = receiver.Consumed(66, 0);
    if (!grant.empty()) benchmark::DoNotOptimize(sender.Grant(grant));
  }
}
BENCHMARK(CreditSpentAndGranted);

// A call's deadline, among so many others: set, and cancelled when it ends.
void DeadlineSetAndCancelled(benchmark::State& state) {
  TimerQueue queue;
  std::vector<TimerQueue::Timer> calls(state.range(0) + 1);
  MonotonicTime at;
  for (TimerQueue::Timer& call : calls) {
    queue.Set(call, at += std::chrono::microseconds(1));
  }
  size_t oldest = 0;
  for (auto _ : state) {
    queue.Cancel(calls[oldest]);
    queue.Set(calls[oldest], at += std::chrono::microseconds(1));
    oldest = (oldest + 1) % calls.size();
  }
}
BENCHMARK(DeadlineSetAndCancelled)->Arg(0)->Arg(10)->Arg(1000);

// Once for each method and connection.
void MethodFound(benchmark::State& state) {
  EchoService service;
  ServiceRegistry registry;
  registry.Add(service);
  for (auto _ : state) {
    benchmark::DoNotOptimize(registry.Find("echo.Echo/Unary"));
  }
}
BENCHMARK(MethodFound);

// A call that has already arrived, and is served and dropped.
class ArrivedCall final : public ServerCall {
 public:
  explicit ArrivedCall(std::string bytes) : bytes_(std::move(bytes)) {}

  absl::Status TakeRequest(IncomingMessage request) override {
    return ParseReceived({ReceivedBytes(bytes_), {}}, request);
  }
  void Finish(absl::Status status, const OutgoingMessage* reply) override {
    benchmark::DoNotOptimize(status);
    benchmark::DoNotOptimize(reply->message->ByteSizeLong());
  }
  ServerContext& context() override { return *context_; }
  bool Ready(CallEvent) override { return true; }
  void Await(CallEvent) override {}
  void Notify(CallEvent, Continuation&) override {}
  void Forget(Continuation&) override {}
  bool Take(IncomingMessage) override { return false; }
  bool Send(OutgoingMessage, bool) override { return false; }
  void Abort(const absl::Status&) override {}

 private:
  const std::string bytes_;
  ServerContext* const context_ = nullptr;  // the handler does not look at it
};

// From the call to the handler and back, including parsing and sizing of the
// messages.
void CallDispatched(benchmark::State& state) {
  EchoService service;
  ServiceRegistry registry;
  registry.Add(service);
  const RegisteredMethod method = *registry.Find("echo.Echo/Unary");
  const auto call =
      std::make_shared<ArrivedCall>(PayloadOf(64).SerializeAsString());
  for (auto _ : state) method.Serve(call);
}
BENCHMARK(CallDispatched);

// Everything except the socket, which memory between two threads replaces.
void CallWithinTheProcess(benchmark::State& state) {
  EchoService service;
  InProcessServer server(service);
  echo::Echo::Stub stub(server.channel());
  const echo::Payload request = PayloadOf(64);
  for (auto _ : state) {
    if (!stub.Unary(request).ok()) state.SkipWithError("the call failed");
  }
}
BENCHMARK(CallWithinTheProcess)->UseRealTime();

// A call of a handler, and the same with a call back to its client, over a
// stream socket between two threads.
void BenchmarkCallBack(benchmark::State& state, bool calls_back) {
  class Front final : public echo::Echo::Service {
   public:
    explicit Front(bool calls_back) : calls_back_(calls_back) {}
    absl::Status Unary(ServerContext& context, const echo::Payload& request,
                       echo::Payload& reply) override {
      if (!calls_back_) return absl::OkStatus();
      const absl::StatusOr<Channel> client = ChannelToClient(context);
      if (!client.ok()) return client.status();
      absl::StatusOr<echo::Payload> got =
          echo::Echo::Stub(*client).Unary(request);
      if (got.ok()) reply = *std::move(got);
      return got.status();
    }

   private:
    const bool calls_back_;
  } front(calls_back);
  EchoService service;
  OfferedServices offered({&service});
  Server server;
  server.AddService(front);
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 ||
      !server.ServeConnection(UniqueFd(pair[0])).ok() || !server.Start().ok()) {
    return state.SkipWithError("no server");
  }
  {
    const absl::StatusOr<Channel> channel =
        Channel::FromSocket(UniqueFd(pair[1]), {.offer = offered});
    echo::Echo::Stub stub(*channel);
    const echo::Payload request = PayloadOf(64);
    for (auto _ : state) {
      if (!stub.Unary(request).ok()) state.SkipWithError("a call failed");
    }
  }
  server.Wait();
}
BENCHMARK_CAPTURE(BenchmarkCallBack, none, false)->UseRealTime();
BENCHMARK_CAPTURE(BenchmarkCallBack, calls_back, true)->UseRealTime();

// Makes a pair of sockets, has a server serve one, calls a handler once over
// the other, and closes it: what a service in a message costs, without the
// message.
void PassedServicesFirstCall(benchmark::State& state) {
  Server server;
  if (!server.AwaitConnections().ok() || !server.Start().ok()) {
    return state.SkipWithError("no server");
  }
  const auto service = std::make_shared<EchoService>();
  const echo::Payload request = PayloadOf(64);
  for (auto _ : state) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 ||
        !server.ServeConnection(UniqueFd(pair[0]), service).ok()) {
      return state.SkipWithError("no connection");
    }
    const absl::StatusOr<Channel> channel =
        Channel::FromSocket(UniqueFd(pair[1]));
    if (!echo::Echo::Stub(*channel).Unary(request).ok()) {
      state.SkipWithError("a call failed");
    }
  }
}
BENCHMARK(PassedServicesFirstCall)->UseRealTime();

}  // namespace
}  // namespace fdrpc

BENCHMARK_MAIN();
