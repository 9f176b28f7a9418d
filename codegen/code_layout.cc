#include "codegen/code_layout.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::io::Printer;

constexpr size_t kColumns = 80;
constexpr int kContinuation = 4;

bool Fits(int indent, const std::string& line) {
  return indent + line.size() <= kColumns;
}

void PrintLine(Printer& printer, const std::string& line) {
  printer.Print("$line$\n", "line", line);
}

}  // namespace

void PrintCall(Printer& printer, int indent, const std::string& head,
               const std::vector<std::string>& arguments,
               const std::string& tail) {
  const std::string list =
      absl::StrCat(absl::StrJoin(arguments, ", "), ")", tail);
  const std::string line = absl::StrCat(head, "(", list);
  if (arguments.empty() || Fits(indent, line)) {
    PrintLine(printer, line);
    return;
  }
  PrintLine(printer, head + "(");
  const std::string margin(kContinuation, ' ');
  if (Fits(indent, margin + list)) {
    PrintLine(printer, margin + list);
    return;
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    const bool last = i + 1 == arguments.size();
    PrintLine(printer, absl::StrCat(margin, arguments[i],
                                    last ? absl::StrCat(")", tail) : ","));
  }
}

void PrintFunctionHead(Printer& printer, int indent,
                       const FunctionHead& function) {
  std::string head = absl::StrCat(function.result, " ", function.name);
  // The parameters may go to the next line, their parenthesis may not.
  if (!Fits(indent, head + "(")) {
    PrintLine(printer, function.result);
    head = function.name;
  }
  PrintCall(printer, indent, head, function.parameters, function.tail);
}

}  // namespace fdrpc::codegen
