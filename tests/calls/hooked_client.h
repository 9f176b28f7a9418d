#ifndef FDRPC_TESTS_CALLS_HOOKED_CLIENT_H_
#define FDRPC_TESTS_CALLS_HOOKED_CLIENT_H_

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "fdrpc/client_call_filter.h"
#include "fdrpc/client_interceptor.h"
#include "testing.fdrpc.h"

namespace fdrpc::testing {

// The actions of a test's interceptor; each is optional. All messages are
// texts.
struct ClientHooks {
  // Ends the call without the server; null lets it continue.
  std::function<std::shared_ptr<ClientCall>(const Method&, CallForm, Caller&)>
      answer = nullptr;
  std::function<void(CallOptions&)> options = nullptr;
  // The single request of a method that takes one.
  std::function<void(Text&)> request = nullptr;
  std::function<bool(const Text&)> drops = nullptr;  // of what is sent
  std::function<absl::Status(Text&)> send = nullptr;
  std::function<absl::Status(Text&)> receive = nullptr;
  std::function<void(Metadata&)> headers = nullptr;
  std::function<void(absl::Status&, Metadata&)> end = nullptr;
};

class HookedClientCall : public ClientCallFilter {
 public:
  HookedClientCall(std::shared_ptr<ClientCall> next, const ClientHooks& hooks)
      : ClientCallFilter(std::move(next)), hooks_(hooks) {}

  bool Send(OutgoingMessage message, bool last) override {
    if (!hooks_.drops ||
        !hooks_.drops(static_cast<const Text&>(*message.message))) {
      return ClientCallFilter::Send(message, last);
    }
    if (last) HalfClose();
    return true;
  }

 private:
  absl::Status OnSend(OutgoingMessage& message) override {
    if (!hooks_.send) return absl::OkStatus();
    return hooks_.send(static_cast<Text&>(MakeMutable(message)));
  }
  absl::Status OnReceive(IncomingMessage message) override {
    if (!hooks_.receive) return absl::OkStatus();
    return hooks_.receive(static_cast<Text&>(*message.message));
  }
  void OnHeaders(Metadata& headers) override {
    if (hooks_.headers) hooks_.headers(headers);
  }
  void OnEnd(absl::Status& status, Metadata& trailers) override {
    if (hooks_.end) hooks_.end(status, trailers);
  }

  const ClientHooks hooks_;
};

class HookedClient final : public ClientInterceptor {
 public:
  explicit HookedClient(ClientHooks hooks) : hooks_(std::move(hooks)) {}

  std::shared_ptr<ClientCall> StartCall(const Method& method,
                                        const OutgoingMessage* request,
                                        const CallOptions& options,
                                        CallForm form, Caller& next) override {
    if (hooks_.answer) {
      if (auto answer = hooks_.answer(method, form, next)) return answer;
    }
    CallOptions changed = options;
    if (hooks_.options) hooks_.options(changed);
    std::optional<Text> text;
    std::optional<OutgoingMessage> other;
    if (request != nullptr && hooks_.request) {
      text = static_cast<const Text&>(*request->message);
      hooks_.request(*text);
      request = &other.emplace(*text);
    }
    return FilterCall<HookedClientCall>(
        next.StartCall(method, request, changed, form), hooks_);
  }

 private:
  const ClientHooks hooks_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CALLS_HOOKED_CLIENT_H_
