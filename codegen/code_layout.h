#ifndef FDRPC_CODEGEN_CODE_LAYOUT_H_
#define FDRPC_CODEGEN_CODE_LAYOUT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/io/printer.h"

namespace fdrpc::codegen {

// Breaks generated code into lines. `indent` is always the indentation of
// `printer`.

// The maximum length of a line.
inline constexpr size_t kColumns = 80;
// The indentation of the members of a class, and of a class within it.
inline constexpr int kMemberIndent = 2;
inline constexpr int kNestedMemberIndent = 4;

// Prints a line. If it is too long, breaks it within its first template, after
// the "<" and, if necessary, between the arguments.
void PrintLine(google::protobuf::io::Printer& printer, int indent,
               absl::string_view line);

// The declaration of a function, or the head of its definition.
struct FunctionHead {
  std::string result;
  std::string name;
  std::vector<std::string> parameters;
  std::string tail;  // the text after the ")": " const;"
};

// Prints the function head on one line if it fits, and otherwise one parameter
// on a line.
void PrintFunctionHead(google::protobuf::io::Printer& printer, int indent,
                       const FunctionHead& function);

// Prints a call, "head(arguments)tail", in the same way, but with several
// arguments on a line.
void PrintCall(google::protobuf::io::Printer& printer, int indent,
               const std::string& head,
               const std::vector<std::string>& arguments,
               const std::string& tail);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_CODE_LAYOUT_H_
