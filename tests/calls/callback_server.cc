#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "fdrpc/async_server_stream.h"
#include "tests/calls/server_form.h"

namespace fdrpc::testing {
namespace {

// A running handler: owns the handle to its call until that has ended.
template <typename Handle>
class Worker : public std::enable_shared_from_this<Worker<Handle>> {
 public:
  Worker(Handle call, Observations& seen)
      : call_(std::move(call)), seen_(seen) {}
  virtual ~Worker() { seen_.NoteEnded(); }

  void Add(const std::string& script) {
    for (Command& command : ParseScript(script)) {
      commands_.push_back(std::move(command));
    }
  }

  void Step() {
    while (!commands_.empty()) {
      const Command command = TakeCommand();
      if (command.verb == "wait") return Wait();
      if (const auto end = Apply(command, call_.context())) {
        return Finish(*end);
      }
      if (!IsDirective(command) && Perform(command)) return;
    }
    Done();
  }

 protected:
  using Self = std::shared_ptr<Worker>;

  // Executes a command of this method. True: it continues by itself.
  virtual bool Perform(const Command& command) = 0;
  // There are no more commands.
  virtual void Done() = 0;
  virtual void Finish(absl::Status status) = 0;

  void Write(const Text& reply) {
    call_.Write(reply, [self = this->shared_from_this()](bool sent) {
      if (sent) {
        self->Step();
      } else {
        self->Cancelled();
      }
    });
  }
  void Cancelled() {
    seen_.NoteCancelled();
    Finish(absl::CancelledError("the handler was cancelled"));
  }
  void Wait() {
    // Keeps itself until it is told.
    self_ = this->shared_from_this();
    stop_.emplace(call_.context().cancellation(),
                  [this] { std::exchange(self_, nullptr)->Cancelled(); });
    seen_.NoteWaiting();
  }
  Handle& call() { return call_; }

 private:
  // The next one; for a burst, its next message.
  Command TakeCommand() {
    if (commands_.front().verb == "burst") {
      const int count = std::atoi(commands_.front().argument.c_str());
      Command next = {"number", std::to_string(burst_sent_++)};
      if (burst_sent_ == count) {
        commands_.pop_front();
        burst_sent_ = 0;
      }
      return next;
    }
    Command next = std::move(commands_.front());
    commands_.pop_front();
    return next;
  }

  Handle call_;
  Observations& seen_;
  std::deque<Command> commands_;
  int burst_sent_ = 0;  // of the first command
  Self self_;
  std::optional<std::stop_callback<std::function<void()>>> stop_;
};

class EchoWorker final : public Worker<AsyncServerUnary<Text, Text>> {
 public:
  using Worker::Worker;

 private:
  bool Perform(const Command& command) override {
    if (auto reply = ReplyTo(command, call().context())) reply_ = *reply;
    return false;
  }
  void Done() override { call().Finish(reply_); }
  void Finish(absl::Status status) override {
    if (status.ok()) return Done();
    call().Finish(std::move(status));
  }
  Text reply_;
};

class WatchWorker final : public Worker<AsyncServerWriter<Text, Text>> {
 public:
  using Worker::Worker;

 private:
  bool Perform(const Command& command) override {
    auto reply = ReplyTo(command, call().context());
    if (reply.has_value()) Write(*reply);
    return reply.has_value();
  }
  void Done() override { Finish(absl::OkStatus()); }
  void Finish(absl::Status status) override {
    call().Finish(std::move(status));
  }
};

class ChatWorker final : public Worker<AsyncServerStream<Text, Text>> {
 public:
  using Worker::Worker;

 private:
  bool Perform(const Command& command) override {
    auto reply = ReplyTo(command, call().context());
    if (reply.has_value()) Write(*reply);
    return reply.has_value();
  }
  void Done() override {
    call().Read([self = std::static_pointer_cast<ChatWorker>(
                     shared_from_this())](std::optional<Text> request) {
      if (request.has_value()) {
        self->Add(request->text());
        self->Step();
      } else if (self->call().context().IsCancelled()) {
        self->Cancelled();
      } else {
        self->Finish(absl::OkStatus());
      }
    });
  }
  void Finish(absl::Status status) override {
    call().Finish(std::move(status));
  }
};

class CollectWorker final : public Worker<AsyncServerReader<Text, Text>> {
 public:
  using Worker::Worker;

 private:
  bool Perform(const Command& command) override {
    reply_.mutable_text()->append(command.verb);
    reply_.set_number(reply_.number() + 1);
    return false;
  }
  void Done() override {
    call().Read([self = std::static_pointer_cast<CollectWorker>(
                     shared_from_this())](std::optional<Text> request) {
      if (request.has_value()) {
        self->Add(request->text());
        self->Step();
      } else if (self->call().context().IsCancelled()) {
        self->Cancelled();
      } else {
        self->call().Finish(self->reply_);
      }
    });
  }
  void Finish(absl::Status status) override {
    if (status.ok()) return call().Finish(reply_);
    call().Finish(std::move(status));
  }
  Text reply_;
};

class CallbackService final : public TestService::AsyncService {
 public:
  explicit CallbackService(Observations& seen) : seen_(seen) {}

  void Echo(AsyncServerUnary<Text, Text> call) override {
    const std::string script = call.request().text();
    Run<EchoWorker>(std::move(call), script);
  }
  void Watch(AsyncServerWriter<Text, Text> call) override {
    const std::string script = call.request().text();
    Run<WatchWorker>(std::move(call), script);
  }
  void Collect(AsyncServerReader<Text, Text> call) override {
    Run<CollectWorker>(std::move(call), "");
  }
  void Chat(AsyncServerStream<Text, Text> call) override {
    Run<ChatWorker>(std::move(call), "");
  }

 private:
  template <typename W, typename Handle>
  void Run(Handle call, const std::string& script) {
    auto worker = std::make_shared<W>(std::move(call), seen_);
    worker->Add(script);
    worker->Step();
  }

  Observations& seen_;
};

class CallbackServerForm final : public ServerForm {
 public:
  std::string name() const override { return "Callback"; }
  std::unique_ptr<Service> NewService(Observations& seen) override {
    return std::make_unique<CallbackService>(seen);
  }
};

}  // namespace

ServerForm& ServerForm::Callback() {
  static CallbackServerForm& form = *new CallbackServerForm;
  return form;
}

}  // namespace fdrpc::testing
