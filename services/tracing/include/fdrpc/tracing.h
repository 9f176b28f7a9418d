#ifndef FDRPC_TRACING_H_
#define FDRPC_TRACING_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "fdrpc/client_interceptor.h"
#include "fdrpc/server_interceptor.h"

namespace fdrpc {

// A span's place in a distributed trace, as W3C Trace Context has it.
struct TraceContext {
  std::array<uint8_t, 16> trace_id = {};  // not all zero
  std::array<uint8_t, 8> span_id = {};    // likewise
  uint8_t flags = 1;                      // 1: sampled

  // The value of the metadata "traceparent", 55 characters:
  // "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".
  std::string ToTraceparent() const;
  // Nothing if it is not valid. Of a later version than 00 it takes what it
  // knows.
  static std::optional<TraceContext> Parse(std::string_view traceparent);

  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

// A call, as one side sees it.
struct Span {
  enum class Side { kClient, kServer };
  Side side = Side::kClient;
  std::string method;  // "package.Service/Method"
  TraceContext context;
  // The span that has caused this one; none if the trace begins here.
  std::optional<std::array<uint8_t, 8>> parent;
};

// Learns of spans. Derive from it to pass them to a tracing system, such as
// OpenTelemetry's SDK.
//
// Threads: any, several at once, also those of loops: must not block.
class SpanObserver {
 public:
  enum class Direction { kSent, kReceived };

  virtual ~SpanObserver() = default;
  // Before the call is made, or its handler is called.
  virtual void OnStart(const Span& /*span*/) {}
  // `bytes`: of the serialised message.
  virtual void OnMessage(const Span& /*span*/, Direction /*direction*/,
                         size_t /*bytes*/) {}
  // Once, after the others.
  virtual void OnEnd(const Span& /*span*/, const absl::Status& /*status*/,
                     absl::Duration /*elapsed*/) {}
};

// Interceptors that make a span of each call, and carry its context in the
// metadata "traceparent". On a client, the call belongs to the trace
//
// - of the metadata "traceparent" in its options, if that is valid,
// - otherwise of the handler's call in CallOptions::parent,
// - otherwise of a new one.
//
// On a server it belongs to the client's trace, or a new one; the handler finds
// the context of its own span in its metadata. "tracestate" is passed on from
// the same place as the context. They keep `observer`.
//
//   Channel::Connect(address, {.interceptors = {TraceClient(observer)}});
//   Server server({.interceptors = {TraceServer(observer)}});
std::shared_ptr<ClientInterceptor> TraceClient(
    std::shared_ptr<SpanObserver> observer);
std::shared_ptr<ServerInterceptor> TraceServer(
    std::shared_ptr<SpanObserver> observer);

}  // namespace fdrpc

#endif  // FDRPC_TRACING_H_
