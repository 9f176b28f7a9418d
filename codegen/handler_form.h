#ifndef FDRPC_CODEGEN_HANDLER_FORM_H_
#define FDRPC_CODEGEN_HANDLER_FORM_H_

#include <string>
#include <vector>

#include "codegen/method_kind.h"
#include "codegen/parameter.h"

namespace fdrpc::codegen {

// One form of handlers, with the class that generated code has for them. Types
// contain the placeholders of MethodTypes.
struct HandlerForm {
  std::string class_name;
  // The comment of the class, after "Serves package.Service".
  std::string description;

  // The result and the parameters of a handler.
  std::string result;
  ByKind<std::vector<Parameter>> parameters;
  // Whether the types of the parameters get names of their own.
  bool names_calls = false;

  // The body of a handler that nobody overrides: it ends its call with a
  // status, whose text is between these two strings.
  std::string end_call;
  std::string end_call_tail;
  bool uses_parameters;

  // The template of the runtime that calls a handler.
  std::string serve;
};

// Service, with handlers that may block.
HandlerForm BlockingHandlers();
// Service, AsyncService and CoService.
std::vector<HandlerForm> HandlerForms();

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_HANDLER_FORM_H_
