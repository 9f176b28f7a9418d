#include <future>
#include <stop_token>

#include "fdrpc/server_stream.h"
#include "tests/calls/server_form.h"

namespace fdrpc::testing {
namespace {

class BlockingService final : public TestService::Service {
 public:
  explicit BlockingService(Observations& seen) : seen_(seen) {}

  absl::Status Echo(ServerContext& context, const Text& request,
                    Text& reply) override {
    return Noted(Run(context, request.text(), [&](const Text& text) {
                   reply = text;
                   return true;
                 }).value_or(absl::OkStatus()));
  }

  absl::Status Watch(ServerContext& context, const Text& request,
                     ServerWriter<Text>& replies) override {
    return Noted(Run(context, request.text(), [&](const Text& text) {
                   return replies.Write(text);
                 }).value_or(absl::OkStatus()));
  }

  absl::Status Collect(ServerContext& context, ServerReader<Text>& requests,
                       Text& reply) override {
    while (std::optional<Text> request = requests.Read()) {
      for (const Command& command : ParseScript(request->text())) {
        if (IsDirective(command)) {
          if (auto end = Do(context, command)) return Noted(*end);
          continue;
        }
        reply.mutable_text()->append(command.verb);
        reply.set_number(reply.number() + 1);
      }
    }
    return Noted(context.IsCancelled() ? Cancelled() : absl::OkStatus());
  }

  absl::Status Chat(ServerContext& context,
                    ServerStream<Text, Text>& stream) override {
    Text request;
    while (stream.Read(request)) {
      auto end = Run(context, request.text(),
                     [&](const Text& text) { return stream.Write(text); });
      if (end.has_value()) return Noted(*end);
    }
    return Noted(context.IsCancelled() ? Cancelled() : absl::OkStatus());
  }

 private:
  absl::Status Cancelled() {
    seen_.NoteCancelled();
    return absl::CancelledError("the handler was cancelled");
  }
  absl::Status Noted(absl::Status status) {
    seen_.NoteEnded();
    return status;
  }

  std::optional<absl::Status> Do(ServerContext& context,
                                 const Command& command) {
    if (command.verb == "wait") {
      std::promise<void> cancelled;
      {
        std::stop_callback told(context.cancellation(),
                                [&] { cancelled.set_value(); });
        seen_.NoteWaiting();
        cancelled.get_future().wait();
      }
      return Cancelled();
    }
    return Apply(command, context);
  }

  // None: the handler continues.
  template <typename Write>
  std::optional<absl::Status> Run(ServerContext& context,
                                  const std::string& script, Write write) {
    for (const Command& command : ParseScript(script)) {
      if (command.verb == "burst") {
        for (int i = 0; i < std::atoi(command.argument.c_str()); ++i) {
          Text reply;
          reply.set_number(i);
          if (!write(reply)) return Cancelled();
        }
      } else if (std::optional<Text> reply = ReplyTo(command, context)) {
        if (!write(*reply)) return Cancelled();
      } else if (auto end = Do(context, command)) {
        return *end;
      }
    }
    return std::nullopt;
  }

  Observations& seen_;
};

class BlockingServerForm final : public ServerForm {
 public:
  std::string name() const override { return "Blocking"; }
  std::unique_ptr<Service> NewService(Observations& seen) override {
    return std::make_unique<BlockingService>(seen);
  }
};

}  // namespace

ServerForm& ServerForm::Blocking() {
  static BlockingServerForm& form = *new BlockingServerForm;
  return form;
}

}  // namespace fdrpc::testing
