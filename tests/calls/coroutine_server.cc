#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include "fdrpc/co_server_stream.h"
#include "fdrpc/task.h"
#include "tests/calls/server_form.h"

namespace fdrpc::testing {
namespace {

// co_await: continues, on a thread of its own, when stop is requested.
class StopAwaiter {
 public:
  explicit StopAwaiter(std::stop_token token)
      : waiting_(std::make_shared<Waiting>()), token_(std::move(token)) {}

  bool await_ready() const { return token_.stop_requested(); }
  void await_suspend(std::coroutine_handle<> waiter) {
    // The coroutine may continue, and destroy this object, within emplace().
    const std::shared_ptr<Waiting> waiting = waiting_;
    waiting->emplace(token_, [waiter] {
      std::thread([waiter] { waiter.resume(); }).detach();
    });
  }
  void await_resume() const {}

 private:
  using Waiting = std::optional<std::stop_callback<std::function<void()>>>;

  std::shared_ptr<Waiting> waiting_;
  std::stop_token token_;
};

class CoroutineService final : public TestService::CoService {
 public:
  explicit CoroutineService(Observations& seen) : seen_(seen) {}

  Task<absl::Status> Echo(ServerContext& context, const Text& request,
                          Text& reply) override {
    Noted noted(seen_);
    for (const Command& command : ParseScript(request.text())) {
      if (auto text = ReplyTo(command, context)) {
        reply = *text;
      } else if (auto end = co_await Do(context, command)) {
        co_return *end;
      }
    }
    co_return absl::OkStatus();
  }

  Task<absl::Status> Watch(ServerContext& context, const Text& request,
                           CoServerWriter<Text>& replies) override {
    Noted noted(seen_);
    auto end = co_await Run(context, request.text(), replies);
    co_return end.value_or(absl::OkStatus());
  }

  Task<absl::Status> Collect(ServerContext& context,
                             CoServerReader<Text>& requests,
                             Text& reply) override {
    Noted noted(seen_);
    while (std::optional<Text> request = co_await requests.Read()) {
      for (const Command& command : ParseScript(request->text())) {
        if (IsDirective(command)) {
          if (auto end = co_await Do(context, command)) co_return *end;
          continue;
        }
        reply.mutable_text()->append(command.verb);
        reply.set_number(reply.number() + 1);
      }
    }
    co_return context.IsCancelled() ? Cancelled() : absl::OkStatus();
  }

  Task<absl::Status> Chat(ServerContext& context,
                          CoServerStream<Text, Text>& stream) override {
    Noted noted(seen_);
    while (std::optional<Text> request = co_await stream.Read()) {
      if (auto end = co_await Run(context, request->text(), stream)) {
        co_return *end;
      }
    }
    co_return context.IsCancelled() ? Cancelled() : absl::OkStatus();
  }

 private:
  struct Noted {
    explicit Noted(Observations& by) : seen(by) {}
    ~Noted() { seen.NoteEnded(); }
    Observations& seen;
  };

  absl::Status Cancelled() {
    seen_.NoteCancelled();
    return absl::CancelledError("the handler was cancelled");
  }

  Task<std::optional<absl::Status>> Do(ServerContext& context,
                                       const Command& command) {
    if (command.verb == "wait") {
      seen_.NoteWaiting();
      co_await StopAwaiter(context.cancellation());
      co_return Cancelled();
    }
    co_return Apply(command, context);
  }

  template <typename Stream>
  Task<std::optional<absl::Status>> Run(ServerContext& context,
                                        std::string script, Stream& stream) {
    for (const Command& command : ParseScript(script)) {
      if (command.verb == "burst") {
        for (int i = 0; i < std::atoi(command.argument.c_str()); ++i) {
          Text reply;
          reply.set_number(i);
          if (!co_await stream.Write(reply)) co_return Cancelled();
        }
      } else if (auto reply = ReplyTo(command, context)) {
        if (!co_await stream.Write(*reply)) co_return Cancelled();
      } else if (auto end = co_await Do(context, command)) {
        co_return *end;
      }
    }
    co_return std::nullopt;
  }

  Observations& seen_;
};

class CoroutineServerForm final : public ServerForm {
 public:
  std::string name() const override { return "Coroutine"; }
  std::unique_ptr<Service> NewService(Observations& seen) override {
    return std::make_unique<CoroutineService>(seen);
  }
};

}  // namespace

ServerForm& ServerForm::Coroutine() {
  static CoroutineServerForm& form = *new CoroutineServerForm;
  return form;
}

}  // namespace fdrpc::testing
