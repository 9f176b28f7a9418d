#include "codegen/handler_form.h"

#include "absl/strings/str_cat.h"

namespace fdrpc::codegen {
namespace {

// The parameters of handlers that return their call's status.
ByKind<std::vector<Parameter>> WithContext(const std::string& reader,
                                           const std::string& writer,
                                           const std::string& stream) {
  const Parameter context = {"::fdrpc::ServerContext&", "context"};
  const Parameter request = {"$received_request$", "request"};
  const Parameter reply = {"$reply$&", "reply"};
  return {.unary = {context, request, reply},
          .client_streaming = {context, {reader, "requests"}, reply},
          .server_streaming = {context, request, {writer, "replies"}},
          .bidirectional = {context, {stream, "stream"}},
          .one_way = {context, request}};
}

// The parameter of handlers that return before their call has ended.
std::vector<Parameter> Handle(const std::string& type) {
  return {{absl::StrCat("::fdrpc::", type), "call"}};
}

HandlerForm Async() {
  return {
      .class_name = "AsyncService",
      .description =
          " with handlers that return at once and end their calls "
          "later, with Finish().",
      .result = "void",
      .parameters =
          {.unary = Handle("AsyncServerUnary<$request$, $reply$>"),
           .client_streaming = Handle("AsyncServerReader<$request$, $reply$>"),
           .server_streaming = Handle("AsyncServerWriter<$request$, $reply$>"),
           .bidirectional = Handle("AsyncServerStream<$request$, $reply$>"),
           .one_way = Handle("AsyncServerOneWay<$request$>")},
      .names_calls = true,
      .end_call = "call.Finish(",
      .end_call_tail = ");",
      .uses_parameters = true,
      .serve = "::fdrpc::internal::ServeAsync",
  };
}

HandlerForm Coroutines() {
  return {
      .class_name = "CoService",
      .description = " with handlers that are coroutines.",
      .result = "::fdrpc::Task<::absl::Status>",
      .parameters = WithContext("::fdrpc::CoServerReader<$request$>&",
                                "::fdrpc::CoServerWriter<$reply$>&",
                                "::fdrpc::CoServerStream<$request$, $reply$>&"),
      .end_call = "co_return ",
      .end_call_tail = ";",
      .uses_parameters = false,
      .serve = "::fdrpc::internal::ServeCo",
  };
}

}  // namespace

HandlerForm BlockingHandlers() {
  return {
      .class_name = "Service",
      .description =
          " with handlers that may block. A server's own class derives from it "
          "and overrides the methods that it implements. The others answer "
          "UNIMPLEMENTED.",
      .result = "::absl::Status",
      .parameters = WithContext("::fdrpc::ServerReader<$request$>&",
                                "::fdrpc::ServerWriter<$reply$>&",
                                "::fdrpc::ServerStream<$request$, $reply$>&"),
      .end_call = "return ",
      .end_call_tail = ";",
      .uses_parameters = false,
      .serve = "::fdrpc::internal::ServeBlocking",
  };
}

std::vector<HandlerForm> HandlerForms() {
  return {BlockingHandlers(), Async(), Coroutines()};
}

}  // namespace fdrpc::codegen
