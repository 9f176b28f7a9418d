#ifndef FDRPC_TESTS_CALLS_HOOKED_SERVER_H_
#define FDRPC_TESTS_CALLS_HOOKED_SERVER_H_

#include <functional>
#include <memory>
#include <utility>

#include "fdrpc/server_call_filter.h"
#include "fdrpc/server_interceptor.h"
#include "testing.fdrpc.h"

namespace fdrpc::testing {

// The actions of a test's interceptor; each is optional. All messages are
// texts.
struct ServerHooks {
  // An error ends the call without the handler.
  std::function<absl::Status(const Method&, ServerCall&)> admit = nullptr;
  std::function<void(Metadata&)> metadata = nullptr;  // that the handler sees
  std::function<absl::Status(Text&)> receive = nullptr;
  std::function<bool(const Text&)> drops = nullptr;  // of what is sent
  std::function<absl::Status(Text&)> send = nullptr;
  std::function<void(ServerContext&, absl::Status&)> finish = nullptr;
};

class HookedServerCall final : public ServerCallFilter {
 public:
  HookedServerCall(std::shared_ptr<ServerCall> next, const ServerHooks& hooks)
      : ServerCallFilter(std::move(next)),
        hooks_(hooks),
        context_(ServerCallFilter::context(), hooks) {}

  ServerContext& context() override { return context_; }
  bool Send(OutgoingMessage message, bool last) override {
    if (hooks_.drops &&
        hooks_.drops(static_cast<const Text&>(*message.message))) {
      return true;
    }
    return ServerCallFilter::Send(message, last);
  }

 private:
  class Context final : public ServerContextFilter {
   public:
    Context(ServerContext& next, const ServerHooks& hooks)
        : ServerContextFilter(next), metadata_(next.metadata()) {
      if (hooks.metadata) hooks.metadata(metadata_);
    }
    const Metadata& metadata() const override { return metadata_; }

   private:
    Metadata metadata_;
  };

  absl::Status OnReceive(IncomingMessage message) override {
    if (!hooks_.receive) return absl::OkStatus();
    return hooks_.receive(static_cast<Text&>(*message.message));
  }
  absl::Status OnSend(OutgoingMessage& message) override {
    if (!hooks_.send) return absl::OkStatus();
    return hooks_.send(static_cast<Text&>(MakeMutable(message)));
  }
  void OnFinish(absl::Status& status) override {
    if (hooks_.finish) hooks_.finish(context_, status);
  }

  const ServerHooks hooks_;
  Context context_;
};

class HookedServer final : public ServerInterceptor {
 public:
  explicit HookedServer(ServerHooks hooks) : hooks_(std::move(hooks)) {}

  void Serve(
      const Method& method, std::shared_ptr<ServerCall> call,
      absl::FunctionRef<void(std::shared_ptr<ServerCall>)> next) override {
    if (hooks_.admit) {
      absl::Status admitted = hooks_.admit(method, *call);
      if (!admitted.ok()) return call->Finish(std::move(admitted), nullptr);
    }
    next(std::make_shared<HookedServerCall>(std::move(call), hooks_));
  }

 private:
  const ServerHooks hooks_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CALLS_HOOKED_SERVER_H_
