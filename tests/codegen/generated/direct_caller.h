#ifndef FDRPC_TESTS_CODEGEN_GENERATED_DIRECT_CALLER_H_
#define FDRPC_TESTS_CODEGEN_GENERATED_DIRECT_CALLER_H_

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "fdrpc/caller.h"
#include "fdrpc/internal/take_reply.h"
#include "fdrpc/service.h"
#include "tests/codegen/generated/direct_client_call.h"
#include "tests/codegen/generated/direct_server_call.h"
#include "tests/codegen/generated/wait_list.h"

namespace fdrpc {

// Replaces the runtime between a stub and a service: passes calls directly, on
// the thread of the test, and records them.
class DirectCaller final : public Caller {
 public:
  explicit DirectCaller(Service& service) : service_(service) {}

  struct MadeCall {
    const Method* method;
    bool has_request;
    // None if the call was made by CallUnary().
    std::optional<CallForm> form;
    Metadata metadata;
  };
  std::vector<MadeCall> calls;
  WaitList waits;
  // Whether methods that take a stream are served from the first request on;
  // not with blocking handlers, on the only thread.
  bool serve_at_once = false;

  absl::Status CallUnary(const Method& method, OutgoingMessage request,
                         IncomingMessage reply,
                         const CallOptions& options) override {
    calls.push_back({&method, true, std::nullopt, options.metadata});
    const std::shared_ptr<DirectClientCall> call = Start(method);
    call->Send(request, /*last=*/true);
    call->Await(CallEvent::kEnd);
    return internal::TakeReply(*call, reply);
  }

  std::shared_ptr<ClientCall> StartCall(const Method& method,
                                        const OutgoingMessage* request,
                                        const CallOptions& options,
                                        CallForm form) override {
    calls.push_back({&method, request != nullptr, form, options.metadata});
    std::shared_ptr<DirectClientCall> call = Start(method);
    if (request != nullptr) {
      call->Send(*request, /*last=*/true);
    } else if (serve_at_once) {
      call->Serve();
    }
    return call;
  }

 private:
  std::shared_ptr<DirectClientCall> Start(const Method& method) {
    return std::make_shared<DirectClientCall>(
        method, waits, [this, &method](std::shared_ptr<DirectClientCall> call) {
          Serve(method, std::move(call));
        });
  }

  // Finds the method by its identity, as the runtime does by its name.
  void Serve(const Method& method, std::shared_ptr<DirectClientCall> call) {
    for (const internal::MethodHandler& handler : service_.method_handlers()) {
      if (handler.method != &method) continue;
      return handler.serve(service_, std::make_shared<DirectServerCall>(
                                         method, waits, std::move(call)));
    }
    call->End(absl::NotFoundError("not this service's method"));
  }

  Service& service_;
};

}  // namespace fdrpc

#endif  // FDRPC_TESTS_CODEGEN_GENERATED_DIRECT_CALLER_H_
