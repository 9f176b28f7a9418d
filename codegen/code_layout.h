#ifndef FDRPC_CODEGEN_CODE_LAYOUT_H_
#define FDRPC_CODEGEN_CODE_LAYOUT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/io/printer.h"

namespace fdrpc::codegen {

// How generated code is broken into lines. `indent` is always what `printer`
// indents lines by.

// The most columns of a line.
inline constexpr size_t kColumns = 80;
// How far the members of a class are indented, and those of a class within it.
inline constexpr int kMemberIndent = 2;
inline constexpr int kNestedMemberIndent = 4;

// A line that may be too long: if so, it is broken within its first template,
// behind the "<" and, if it must be, between the arguments.
void PrintLine(google::protobuf::io::Printer& printer, int indent,
               absl::string_view line);

// A function's declaration or the head of its definition.
struct FunctionHead {
  std::string result;
  std::string name;
  std::vector<std::string> parameters;
  std::string tail;  // what follows the ")": " const;"
};

// Prints on one line what fits there, and otherwise breaks it as a reader would
// expect: parameters get a line each.
void PrintFunctionHead(google::protobuf::io::Printer& printer, int indent,
                       const FunctionHead& function);

// The same for a call, "head(arguments)tail", whose arguments share lines.
void PrintCall(google::protobuf::io::Printer& printer, int indent,
               const std::string& head,
               const std::vector<std::string>& arguments,
               const std::string& tail);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_CODE_LAYOUT_H_
