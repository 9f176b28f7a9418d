#ifndef FDRPC_CODEGEN_STUB_FORM_H_
#define FDRPC_CODEGEN_STUB_FORM_H_

#include "absl/strings/string_view.h"
#include "codegen/method_kind.h"

namespace fdrpc::codegen {

// One form of calls, with the class of stubs that generated code has for it.
// Types and functions contain the placeholders of MethodTypes.
struct StubForm {
  // The name, "Async", and the name within the service's class, "Stub::Async".
  absl::string_view class_name;
  absl::string_view class_path;

  // The result of the function for a method.
  ByKind<absl::string_view> result;

  // The function of the runtime that makes a whole call. Empty if the function
  // only starts the call, which its result then owns.
  ByKind<absl::string_view> whole_call;
  // The function's last parameter, which is called with the result. Empty if
  // there is none.
  ByKind<absl::string_view> callback;

  // The fdrpc::CallForm of calls that the function starts.
  absl::string_view call_form;
};

inline constexpr StubForm kBlockingStub = {
    .class_name = "Stub",
    .class_path = "Stub",
    .result = {.unary = "::absl::StatusOr<$reply$>",
               .client_streaming = "::fdrpc::ClientWriter<$request$, $reply$>",
               .server_streaming = "::fdrpc::ClientReader<$reply$>",
               .bidirectional = "::fdrpc::ClientStream<$request$, $reply$>",
               .one_way = "::absl::Status"},
    .whole_call = {.unary = "::fdrpc::internal::BlockingUnary<$reply$>",
                   .one_way = "::fdrpc::internal::BlockingOneWay"},
    .callback = {},
    .call_form = "::fdrpc::CallForm::kBlocking",
};

inline constexpr StubForm kAsyncStub = {
    .class_name = "Async",
    .class_path = "Stub::Async",
    .result = {.unary = "void",
               .client_streaming =
                   "::fdrpc::AsyncClientWriter<$request$, $reply$>",
               .server_streaming = "::fdrpc::AsyncClientReader<$reply$>",
               .bidirectional =
                   "::fdrpc::AsyncClientStream<$request$, $reply$>",
               .one_way = "void"},
    .whole_call = {.unary = "::fdrpc::internal::AsyncUnary<$reply$>",
                   .one_way = "::fdrpc::internal::AsyncOneWay"},
    .callback = {.unary =
                     "::absl::AnyInvocable<void(::absl::StatusOr<$reply$>)>",
                 .one_way = "::absl::AnyInvocable<void(::absl::Status)>"},
    .call_form = "::fdrpc::CallForm::kNotified",
};

inline constexpr StubForm kCoStub = {
    .class_name = "Co",
    .class_path = "Stub::Co",
    .result = {.unary = "::fdrpc::CoReply<$reply$>",
               .client_streaming =
                   "::fdrpc::CoClientWriter<$request$, $reply$>",
               .server_streaming = "::fdrpc::CoClientReader<$reply$>",
               .bidirectional = "::fdrpc::CoClientStream<$request$, $reply$>",
               .one_way = "::fdrpc::CoOneWay"},
    .whole_call = {},
    .callback = {},
    .call_form = "::fdrpc::CallForm::kNotified",
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_STUB_FORM_H_
