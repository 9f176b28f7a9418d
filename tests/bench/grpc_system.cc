#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "tests/bench/echo.grpc.pb.h"
#include "tests/bench/system.h"

namespace fdrpc::bench {
namespace {

bool UsesCallbacks(const Flags& flags) { return flags.form == "callback"; }

// Debian's abseil is built to look for lock cycles at each lock, which affects
// gRPC's.
void LockWithoutDetection() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

void CheckOk(const grpc::Status& status) {
  if (!status.ok()) Fail(status.error_message());
}

// Lets gRPC delay a message and send it with later ones.
grpc::WriteOptions MakeWriteOptions(bool batched) {
  grpc::WriteOptions options;
  if (batched) options.set_buffer_hint();
  return options;
}

echo::Payload MakePayload(size_t bytes) {
  echo::Payload payload;
  payload.set_payload(std::string(bytes, 'x'));
  return payload;
}

class SyncService final : public echo::Echo::Service {
 public:
  grpc::Status Unary(grpc::ServerContext*, const echo::Payload* request,
                     echo::Payload* reply) override {
    reply->set_payload(request->payload());
    return grpc::Status::OK;
  }
  grpc::Status Down(grpc::ServerContext*, const echo::DownRequest* request,
                    grpc::ServerWriter<echo::Payload>* writer) override {
    const echo::Payload payload = MakePayload(request->payload_bytes());
    const grpc::WriteOptions options = MakeWriteOptions(request->batched());
    // A first message that is delayed waits for ever (grpc/grpc#12975).
    if (!writer->Write(payload)) return grpc::Status::CANCELLED;
    while (writer->Write(payload, options)) {
    }
    return grpc::Status::CANCELLED;
  }
  grpc::Status Up(grpc::ServerContext*,
                  grpc::ServerReader<echo::Payload>* reader,
                  echo::UpReply* reply) override {
    echo::Payload payload;
    uint64_t messages = 0;
    while (reader->Read(&payload)) ++messages;
    reply->set_messages(messages);
    return grpc::Status::OK;
  }
};

class CallbackService final : public echo::Echo::CallbackService {
 public:
  grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context,
                                  const echo::Payload* request,
                                  echo::Payload* reply) override {
    reply->set_payload(request->payload());
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerWriteReactor<echo::Payload>* Down(
      grpc::CallbackServerContext*, const echo::DownRequest* request) override {
    class Writer final : public grpc::ServerWriteReactor<echo::Payload> {
     public:
      explicit Writer(const echo::DownRequest& request)
          : payload_(MakePayload(request.payload_bytes())),
            options_(MakeWriteOptions(request.batched())) {
        StartWrite(&payload_);  // at once, as above
      }
      void OnWriteDone(bool ok) override {
        if (!ok) return Finish(grpc::Status::CANCELLED);
        StartWrite(&payload_, options_);
      }
      void OnDone() override { delete this; }

     private:
      const echo::Payload payload_;
      const grpc::WriteOptions options_;
    };
    return new Writer(*request);
  }

  grpc::ServerReadReactor<echo::Payload>* Up(grpc::CallbackServerContext*,
                                             echo::UpReply* reply) override {
    class Reader final : public grpc::ServerReadReactor<echo::Payload> {
     public:
      explicit Reader(echo::UpReply* reply) : reply_(reply) {
        StartRead(&payload_);
      }
      void OnReadDone(bool ok) override {
        if (!ok) {
          reply_->set_messages(messages_);
          return Finish(grpc::Status::OK);
        }
        ++messages_;
        StartRead(&payload_);
      }
      void OnDone() override { delete this; }

     private:
      echo::UpReply* const reply_;
      echo::Payload payload_;
      uint64_t messages_ = 0;
    };
    return new Reader(reply);
  }
};

class GrpcConnection final : public Connection {
 public:
  explicit GrpcConnection(const Flags& flags)
      : flags_(flags), request_(MakePayload(flags.payload)) {
    LockWithoutDetection();
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    // Otherwise channels of one process share a connection.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = echo::Echo::NewStub(grpc::CreateCustomChannel(
        flags.address, grpc::InsecureChannelCredentials(), arguments));
  }

  void Echo() override {
    grpc::ClientContext context;
    echo::Payload reply;
    CheckOk(stub_->Unary(&context, request_, &reply));
    CheckReply(reply);
  }

  void EchoInFlight(Meter& meter) override {
    return UsesCallbacks(flags_) ? CallsWithCallbacks(meter)
                                 : CallsWithQueue(meter);
  }

  void Down(Meter& meter) override {
    grpc::ClientContext context;
    echo::DownRequest request;
    request.set_payload_bytes(flags_.payload);
    request.set_batched(flags_.batched);
    if (UsesCallbacks(flags_)) {
      CallbackReader reader(meter, context);
      stub_->async()->Down(&context, &request, &reader);
      reader.Start();
      return reader.AwaitEnd();
    }
    auto reader = stub_->Down(&context, request);
    echo::Payload payload;
    while (meter.Next()) {
      if (!reader->Read(&payload)) CheckOk(reader->Finish());
    }
    context.TryCancel();
    while (reader->Read(&payload)) {
    }
    reader->Finish();
  }

  void Up(Meter& meter) override {
    grpc::ClientContext context;
    echo::UpReply reply;
    uint64_t messages = 0;
    if (UsesCallbacks(flags_)) {
      CallbackWriter writer(meter, request_, MakeWriteOptions(flags_.batched));
      stub_->async()->Up(&context, &reply, &writer);
      writer.Start();
      messages = writer.AwaitEnd();
    } else {
      auto writer = stub_->Up(&context, &reply);
      const grpc::WriteOptions options = MakeWriteOptions(flags_.batched);
      for (; meter.Next(); ++messages) {
        Check(writer->Write(request_, options), "the server has gone");
      }
      writer->WritesDone();
      CheckOk(writer->Finish());
    }
    Check(reply.messages() == messages, "not all has arrived");
  }

 private:
  struct Call {
    std::optional<grpc::ClientContext> context;
    echo::Payload reply;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<echo::Payload>> reader;
  };

  class Event {
   public:
    void Set() {
      std::lock_guard lock(mu_);
      set_ = true;
      changed_.notify_one();
    }
    void Await() {
      std::unique_lock lock(mu_);
      changed_.wait(lock, [this] { return set_; });
    }

   private:
    std::mutex mu_;
    std::condition_variable changed_;
    bool set_ = false;
  };

  class CallbackReader final : public grpc::ClientReadReactor<echo::Payload> {
   public:
    CallbackReader(Meter& meter, grpc::ClientContext& context)
        : meter_(meter), context_(context) {}
    void Start() {
      StartRead(&payload_);
      StartCall();
    }
    void OnReadDone(bool ok) override {
      if (!ok) return;
      if (!meter_.Next()) context_.TryCancel();
      StartRead(&payload_);
    }
    void OnDone(const grpc::Status& status) override {
      Check(status.error_code() == grpc::StatusCode::CANCELLED,
            status.error_message());
      ended_.Set();
    }
    void AwaitEnd() { ended_.Await(); }

   private:
    Meter& meter_;
    grpc::ClientContext& context_;
    echo::Payload payload_;
    Event ended_;
  };

  class CallbackWriter final : public grpc::ClientWriteReactor<echo::Payload> {
   public:
    CallbackWriter(Meter& meter, const echo::Payload& payload,
                   grpc::WriteOptions options)
        : meter_(meter), payload_(payload), options_(options) {}
    void Start() {
      meter_.Next();
      StartWrite(&payload_, options_);
      StartCall();
    }
    void OnWriteDone(bool ok) override {
      Check(ok, "the server has gone");
      ++messages_;
      if (!meter_.Next()) return StartWritesDone();
      StartWrite(&payload_, options_);
    }
    void OnDone(const grpc::Status& status) override {
      CheckOk(status);
      ended_.Set();
    }
    uint64_t AwaitEnd() {
      ended_.Await();
      return messages_;
    }

   private:
    Meter& meter_;
    const echo::Payload& payload_;
    const grpc::WriteOptions options_;
    uint64_t messages_ = 0;
    Event ended_;
  };

  void CheckReply(const echo::Payload& reply) {
    Check(reply.payload().size() == request_.payload().size(),
          "another payload came back");
  }

  // Callbacks run on several threads of gRPC; each starts the next call.
  void CallsWithCallbacks(Meter& meter) {
    std::vector<Call> calls(flags_.in_flight);
    outstanding_ = flags_.in_flight;
    for (Call& call : calls) BeginWithCallback(call, meter);
    ended_.Await();
  }
  void BeginWithCallback(Call& call, Meter& meter) {
    call.context.emplace();
    stub_->async()->Unary(&*call.context, &request_, &call.reply,
                          [this, &call, &meter](const grpc::Status& status) {
                            CheckOk(status);
                            CheckReply(call.reply);
                            bool more = false, last = false;
                            {
                              std::lock_guard lock(mu_);
                              more = meter.Next();
                              last = !more && --outstanding_ == 0;
                            }
                            if (more) return BeginWithCallback(call, meter);
                            if (last) ended_.Set();
                          });
  }

  // The fastest way of gRPC with one thread: a completion queue.
  void CallsWithQueue(Meter& meter) {
    grpc::CompletionQueue queue;
    std::vector<Call> calls(flags_.in_flight);
    auto begin = [&](Call& call) {
      call.context.emplace();
      call.reader = stub_->AsyncUnary(&*call.context, request_, &queue);
      call.reader->Finish(&call.reply, &call.status, &call);
    };
    for (Call& call : calls) begin(call);
    void* tag = nullptr;
    bool ok = false;
    for (int outstanding = flags_.in_flight; outstanding > 0;) {
      Check(queue.Next(&tag, &ok) && ok, "the queue has ended");
      Call& call = *static_cast<Call*>(tag);
      CheckOk(call.status);
      CheckReply(call.reply);
      if (meter.Next()) {
        begin(call);
      } else {
        --outstanding;
      }
    }
  }

  const Flags flags_;
  const echo::Payload request_;
  std::unique_ptr<echo::Echo::Stub> stub_;
  std::mutex mu_;  // the meter, and:
  int outstanding_ = 0;
  Event ended_;
};

}  // namespace

void Serve(const Flags& flags) {
  LockWithoutDetection();
  SyncService sync;
  CallbackService callback;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(flags.address, grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(-1);
  builder.SetMaxSendMessageSize(-1);
  if (UsesCallbacks(flags)) {
    builder.RegisterService(&callback);
  } else {
    builder.RegisterService(&sync);
  }
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  Check(server != nullptr, "cannot listen");
  Ready();
  server->Wait();
}

std::unique_ptr<Connection> Connect(const Flags& flags) {
  return std::make_unique<GrpcConnection>(flags);
}

bool ThreadsShareConnection() { return true; }

}  // namespace fdrpc::bench
