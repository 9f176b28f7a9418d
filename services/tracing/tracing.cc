#include "fdrpc/tracing.h"

#include <random>
#include <utility>

#include "absl/time/clock.h"
#include "fdrpc/client_call_filter.h"
#include "fdrpc/server_call_filter.h"

namespace fdrpc {
namespace {

using Direction = SpanObserver::Direction;

constexpr char kParentKey[] = "traceparent";
constexpr char kStateKey[] = "tracestate";

template <size_t kSize>
void Randomize(std::array<uint8_t, kSize>& bytes) {
  thread_local std::mt19937_64 numbers{std::random_device()()};
  std::uniform_int_distribution<unsigned> byte(0, 255);
  for (uint8_t& each : bytes) each = static_cast<uint8_t>(byte(numbers));
  bytes[0] |= 1;  // never zero
}

// A new span, in the trace of `metadata` if that names one.
Span NewSpan(Span::Side side, std::string_view method,
             const Metadata* metadata) {
  Span span;
  span.side = side;
  span.method = std::string(method);
  std::optional<TraceContext> parent;
  if (metadata != nullptr) {
    if (const auto text = metadata->Get(kParentKey); text.has_value()) {
      parent = TraceContext::Parse(*text);
    }
  }
  if (parent.has_value()) {
    span.context = *parent;
    span.parent = parent->span_id;
  } else {
    Randomize(span.context.trace_id);
  }
  Randomize(span.context.span_id);
  return span;
}

// `metadata` with the context of the span in place of another one.
Metadata WithContext(const Metadata& metadata, const Span& span) {
  Metadata with;
  for (const auto& [key, value] : metadata) {
    if (key != kParentKey) with.Add(key, value);
  }
  with.Add(kParentKey, span.context.ToTraceparent());
  return with;
}

bool NamesTrace(const Metadata& metadata) {
  const auto text = metadata.Get(kParentKey);
  return text.has_value() && TraceContext::Parse(*text).has_value();
}

// A span that tells its observer.
class ObservedSpan {
 public:
  ObservedSpan(Span span, std::shared_ptr<SpanObserver> observer)
      : span_(std::move(span)), observer_(std::move(observer)) {
    observer_->OnStart(span_);
  }
  template <typename Message>
  void OnMessage(Direction direction, const Message& message) const {
    observer_->OnMessage(span_, direction, message.message->ByteSizeLong());
  }
  void OnEnd(const absl::Status& status) const {
    observer_->OnEnd(span_, status, absl::Now() - began_);
  }
  const Span& span() const { return span_; }

 private:
  const Span span_;
  const std::shared_ptr<SpanObserver> observer_;
  const absl::Time began_ = absl::Now();
};

class TracedClientCall : public ClientCallFilter {
 public:
  TracedClientCall(std::shared_ptr<ClientCall> next, ObservedSpan span)
      : ClientCallFilter(std::move(next)), span_(std::move(span)) {}

 private:
  absl::Status OnSend(OutgoingMessage& message) override {
    span_.OnMessage(Direction::kSent, message);
    return absl::OkStatus();
  }
  absl::Status OnReceive(IncomingMessage message) override {
    span_.OnMessage(Direction::kReceived, message);
    return absl::OkStatus();
  }
  void OnEnd(absl::Status& status, Metadata&) override { span_.OnEnd(status); }

  const ObservedSpan span_;
};

class ClientTracing final : public ClientInterceptor {
 public:
  explicit ClientTracing(std::shared_ptr<SpanObserver> observer)
      : observer_(std::move(observer)) {}

  std::shared_ptr<ClientCall> StartCall(const Method& method,
                                        const OutgoingMessage* request,
                                        const CallOptions& options,
                                        CallForm form, Caller& next) override {
    const Metadata* from = &options.metadata;
    const bool inherits = !NamesTrace(*from) && options.parent != nullptr;
    if (inherits) from = &options.parent->metadata();
    ObservedSpan span(NewSpan(Span::Side::kClient, method.full_name, from),
                      observer_);
    CallOptions traced = options;
    traced.metadata = WithContext(options.metadata, span.span());
    if (inherits && span.span().parent.has_value() &&
        !options.metadata.Get(kStateKey).has_value()) {
      for (const auto state : from->GetAll(kStateKey)) {
        traced.metadata.Add(kStateKey, state);
      }
    }
    if (request != nullptr) span.OnMessage(Direction::kSent, *request);
    return FilterCall<TracedClientCall>(
        next.StartCall(method, request, traced, form), std::move(span));
  }

 private:
  const std::shared_ptr<SpanObserver> observer_;
};

class TracedServerCall final : public ServerCallFilter {
 public:
  TracedServerCall(std::shared_ptr<ServerCall> next, ObservedSpan span)
      : ServerCallFilter(std::move(next)),
        span_(std::move(span)),
        context_(ServerCallFilter::context(), span_.span()) {}
  // A call that ends otherwise, as when its handler lets go of it.
  ~TracedServerCall() override {
    if (!ended_) {
      span_.OnEnd(absl::CancelledError("the handler has let go of the call"));
    }
  }

  ServerContext& context() override { return context_; }

 private:
  class Context final : public ServerContextFilter {
   public:
    Context(ServerContext& next, const Span& span)
        : ServerContextFilter(next),
          metadata_(WithContext(next.metadata(), span)) {}
    const Metadata& metadata() const override { return metadata_; }

   private:
    const Metadata metadata_;
  };

  absl::Status OnReceive(IncomingMessage message) override {
    span_.OnMessage(Direction::kReceived, message);
    return absl::OkStatus();
  }
  absl::Status OnSend(OutgoingMessage& message) override {
    span_.OnMessage(Direction::kSent, message);
    return absl::OkStatus();
  }
  void OnFinish(absl::Status& status) override {
    ended_ = true;
    span_.OnEnd(status);
  }

  const ObservedSpan span_;
  Context context_;
  bool ended_ = false;
};

class ServerTracing final : public ServerInterceptor {
 public:
  explicit ServerTracing(std::shared_ptr<SpanObserver> observer)
      : observer_(std::move(observer)) {}

  void Serve(
      const Method& method, std::shared_ptr<ServerCall> call,
      absl::FunctionRef<void(std::shared_ptr<ServerCall>)> next) override {
    ObservedSpan span(NewSpan(Span::Side::kServer, method.full_name,
                              &call->context().metadata()),
                      observer_);
    next(std::make_shared<TracedServerCall>(std::move(call), std::move(span)));
  }

 private:
  const std::shared_ptr<SpanObserver> observer_;
};

}  // namespace

std::shared_ptr<ClientInterceptor> TraceClient(
    std::shared_ptr<SpanObserver> observer) {
  return std::make_shared<ClientTracing>(std::move(observer));
}

std::shared_ptr<ServerInterceptor> TraceServer(
    std::shared_ptr<SpanObserver> observer) {
  return std::make_shared<ServerTracing>(std::move(observer));
}

}  // namespace fdrpc
