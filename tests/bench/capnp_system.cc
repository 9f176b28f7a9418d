#include <capnp/ez-rpc.h>
#include <kj/async.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/bench/echo.capnp.h"
#include "tests/bench/system.h"

namespace fdrpc::bench {
namespace {

// No limits on sizes, which only guard against hostile peers.
capnp::ReaderOptions NoLimits() {
  return {.traversalLimitInWords = std::numeric_limits<uint64_t>::max() / 8,
          .nestingLimit = 64};
}

capnp::Data::Reader Bytes(const std::string& payload) {
  return capnp::Data::Reader(reinterpret_cast<const kj::byte*>(payload.data()),
                             payload.size());
}

// Counts what it receives. A meter, if there is one, says when it is enough.
class CountingSink final : public ::Sink::Server {
 public:
  explicit CountingSink(Meter* meter = nullptr,
                        kj::PromiseFulfiller<void>* enough = nullptr)
      : meter_(meter), enough_(enough) {}

  kj::Promise<void> write(WriteContext context) override {
    ++messages_;
    context.getParams().getPayload();
    if (meter_ != nullptr && !meter_->Next()) enough_->fulfill();
    return kj::READY_NOW;
  }
  kj::Promise<void> done(DoneContext context) override {
    context.getResults().setMessages(messages_);
    return kj::READY_NOW;
  }

 private:
  Meter* const meter_;
  kj::PromiseFulfiller<void>* const enough_;
  uint64_t messages_ = 0;
};

kj::Promise<void> SendForEver(::Sink::Client sink, std::string payload) {
  auto request = sink.writeRequest();
  request.setPayload(Bytes(payload));
  return request.send().then(
      [sink = std::move(sink), payload = std::move(payload)]() mutable {
        return SendForEver(std::move(sink), std::move(payload));
      });
}

class EchoService final : public ::Echo::Server {
 public:
  kj::Promise<void> unary(UnaryContext context) override {
    const auto payload = context.getParams().getPayload();
    context
        .getResults(
            capnp::MessageSize{payload.size() / sizeof(uint64_t) + 8, 0})
        .setPayload(payload);
    return kj::READY_NOW;
  }
  kj::Promise<void> down(DownContext context) override {
    context.allowCancellation();
    return SendForEver(context.getParams().getSink(),
                       std::string(context.getParams().getPayloadBytes(), 'x'));
  }
  kj::Promise<void> up(UpContext context) override {
    context.getResults().setSink(kj::heap<CountingSink>());
    return kj::READY_NOW;
  }
};

class CapnpConnection final : public Connection {
 public:
  explicit CapnpConnection(const Flags& flags)
      : flags_(flags),
        payload_(flags.payload, 'x'),
        client_(flags.address, 0, NoLimits()),
        echo_(client_.getMain<::Echo>()) {}

  ~CapnpConnection() noexcept override {}

  void Echo() override {
    CheckReply(Request().send().wait(client_.getWaitScope()));
  }

  void EchoInFlight(Meter& meter) override {
    std::vector<kj::Promise<void>> calls;
    for (int i = 0; i < flags_.in_flight; ++i) calls.push_back(Next(meter));
    for (kj::Promise<void>& call : calls) call.wait(client_.getWaitScope());
  }

  void Down(Meter& meter) override {
    auto enough = kj::newPromiseAndFulfiller<void>();
    auto request = echo_.downRequest();
    request.setPayloadBytes(flags_.payload);
    request.setSink(kj::heap<CountingSink>(&meter, enough.fulfiller.get()));
    auto call = request.send().ignoreResult();
    // Destroyed when it is enough, which cancels the call.
    call.exclusiveJoin(kj::mv(enough.promise)).wait(client_.getWaitScope());
  }

  void Up(Meter& meter) override {
    // Awaited, because streams through a promised capability are slower.
    ::Sink::Client sink =
        echo_.upRequest().send().wait(client_.getWaitScope()).getSink();
    uint64_t messages = 0;
    SendUntilEnough(sink, meter, messages).wait(client_.getWaitScope());
    auto reply = sink.doneRequest().send().wait(client_.getWaitScope());
    Check(reply.getMessages() == messages, "not all has arrived");
  }

 private:
  using Unary = capnp::Request<::Echo::UnaryParams, ::Echo::UnaryResults>;

  Unary Request() {
    auto request = echo_.unaryRequest(
        capnp::MessageSize{payload_.size() / sizeof(uint64_t) + 8, 0});
    request.setPayload(Bytes(payload_));
    return request;
  }

  void CheckReply(const ::Echo::UnaryResults::Reader& reply) {
    Check(reply.getPayload().size() == payload_.size(),
          "another payload came back");
  }

  // Makes one call after the other, until it is enough.
  kj::Promise<void> Next(Meter& meter) {
    return Request().send().then(
        [this, &meter](capnp::Response<::Echo::UnaryResults>&& reply)
            -> kj::Promise<void> {
          CheckReply(reply);
          if (!meter.Next()) return kj::READY_NOW;
          return Next(meter);
        });
  }

  // A chain: waiting for each write would also wait for its answer.
  kj::Promise<void> SendUntilEnough(::Sink::Client& sink, Meter& meter,
                                    uint64_t& messages) {
    if (!meter.Next()) return kj::READY_NOW;
    ++messages;
    auto request = sink.writeRequest(
        capnp::MessageSize{payload_.size() / sizeof(uint64_t) + 8, 0});
    request.setPayload(Bytes(payload_));
    return request.send().then([this, &sink, &meter, &messages] {
      return SendUntilEnough(sink, meter, messages);
    });
  }

  const Flags flags_;
  const std::string payload_;
  capnp::EzRpcClient client_;
  ::Echo::Client echo_;
};

}  // namespace

void Serve(const Flags& flags) {
  capnp::EzRpcServer server(kj::heap<EchoService>(), flags.address, 0,
                            NoLimits());
  // Once the port is known, it listens.
  server.getPort().wait(server.getWaitScope());
  Ready();
  kj::NEVER_DONE.wait(server.getWaitScope());
}

std::unique_ptr<Connection> Connect(const Flags& flags) {
  return std::make_unique<CapnpConnection>(flags);
}

// A connection belongs to the event loop of one thread.
bool ThreadsShareConnection() { return false; }

}  // namespace fdrpc::bench
