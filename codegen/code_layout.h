#ifndef FDRPC_CODEGEN_CODE_LAYOUT_H_
#define FDRPC_CODEGEN_CODE_LAYOUT_H_

#include <string>
#include <vector>

#include "google/protobuf/io/printer.h"

namespace fdrpc::codegen {

// A function's declaration or the head of its definition.
struct FunctionHead {
  std::string result;
  std::string name;
  std::vector<std::string> parameters;
  std::string tail;  // what follows the ")": " const;"
};

// Prints on one line what fits there, and otherwise breaks it as a reader would
// expect. `indent` is what `printer` indents lines by.
void PrintFunctionHead(google::protobuf::io::Printer& printer, int indent,
                       const FunctionHead& function);

// The same for a call: "head(arguments)tail".
void PrintCall(google::protobuf::io::Printer& printer, int indent,
               const std::string& head,
               const std::vector<std::string>& arguments,
               const std::string& tail);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_CODE_LAYOUT_H_
