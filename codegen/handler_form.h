#ifndef FDRPC_CODEGEN_HANDLER_FORM_H_
#define FDRPC_CODEGEN_HANDLER_FORM_H_

#include <string>
#include <vector>

#include "codegen/method_kind.h"
#include "codegen/parameter.h"

namespace fdrpc::codegen {

// One form of serving, with the class of handlers that generated code has for
// it. Types contain the placeholders of MethodTypes.
struct HandlerForm {
  std::string class_name;
  // Of the class, behind "Serves package.Service".
  std::string description;

  // What a handler returns and takes.
  std::string result;
  ByKind<std::vector<Parameter>> parameters;
  // Whether their types get names of their own.
  bool names_calls = false;

  // What a handler that nobody overrides does: it ends its call with a status
  // that stands between these two, by means of its parameters or without.
  std::string end_call;
  std::string end_call_tail;
  bool uses_parameters;

  // The template of the runtime that calls a handler.
  std::string serve;
};

// Service, with handlers that may block.
HandlerForm BlockingHandlers();
// That, AsyncService and CoService.
std::vector<HandlerForm> HandlerForms();

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_HANDLER_FORM_H_
