#include "fdrpc/client_interceptor.h"

#include <utility>

#include "base/check.h"
#include "fdrpc/client_call_filter.h"
#include "fdrpc/internal/take_reply.h"

namespace fdrpc {
namespace {

// Gives the user, who asked for it, the metadata as the interceptors have
// changed it.
class ShownMetadata : public ClientCallFilter {
 public:
  ShownMetadata(std::shared_ptr<ClientCall> next, ReplyMetadata& shown)
      : ClientCallFilter(std::move(next)), shown_(shown) {}

  // Not when the call is released: the metadata may not be borrowed any more.
  absl::Status status() override {
    absl::Status status = ClientCallFilter::status();
    shown_ = {.headers = headers(), .trailers = trailers()};
    return status;
  }

 private:
  ReplyMetadata& shown_;
};

class InterceptedCaller final : public Caller {
 public:
  InterceptedCaller(std::shared_ptr<ClientInterceptor> interceptor,
                    std::shared_ptr<Caller> next)
      : interceptor_(std::move(interceptor)), next_(std::move(next)) {}

  absl::Status CallUnary(const Method& method, OutgoingMessage request,
                         IncomingMessage reply,
                         const CallOptions& options) override {
    const std::shared_ptr<ClientCall> call =
        StartCall(method, &request, options, CallForm::kBlocking);
    call->Await(CallEvent::kEnd);
    return internal::TakeReply(*call, reply);
  }

  std::shared_ptr<ClientCall> StartCall(const Method& method,
                                        const OutgoingMessage* request,
                                        const CallOptions& options,
                                        CallForm form) override {
    if (options.reply_metadata == nullptr) {
      return Checked(
          interceptor_->StartCall(method, request, options, form, *next_));
    }
    CallOptions inner = options;
    inner.reply_metadata = nullptr;
    return FilterCall<ShownMetadata>(
        Checked(interceptor_->StartCall(method, request, inner, form, *next_)),
        *options.reply_metadata);
  }

  std::shared_ptr<ContinuationRunner> runner() override {
    return next_->runner();
  }

 private:
  static std::shared_ptr<ClientCall> Checked(std::shared_ptr<ClientCall> call) {
    FDRPC_CHECK(call != nullptr, "an interceptor returned no call");
    return call;
  }

  const std::shared_ptr<ClientInterceptor> interceptor_;
  const std::shared_ptr<Caller> next_;
};

}  // namespace

std::shared_ptr<Caller> Intercept(
    const std::vector<std::shared_ptr<ClientInterceptor>>& interceptors,
    std::shared_ptr<Caller> caller) {
  for (auto it = interceptors.rbegin(); it != interceptors.rend(); ++it) {
    caller = std::make_shared<InterceptedCaller>(*it, std::move(caller));
  }
  return caller;
}

}  // namespace fdrpc
