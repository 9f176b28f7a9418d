#include "codegen/code_layout.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::io::Printer;

constexpr int kContinuation = 4;

std::string Margin() { return std::string(kContinuation, ' '); }

bool Fits(int indent, absl::string_view line) {
  return indent + line.size() <= kColumns;
}

// Prints "head(items)tail" on one line, or with the items on the next one.
// Returns false, and prints nothing, if neither fits.
bool PrintUnbrokenList(Printer& printer, int indent, const std::string& head,
                       const std::vector<std::string>& items,
                       const std::string& tail) {
  const std::string list = absl::StrCat(absl::StrJoin(items, ", "), ")", tail);
  const std::string line = absl::StrCat(head, "(", list);
  if (items.empty() || Fits(indent, line)) {
    PrintLine(printer, indent, line);
    return true;
  }
  if (!Fits(indent + kContinuation, list)) return false;
  PrintLine(printer, indent, head + "(");
  PrintLine(printer, indent, absl::StrCat(Margin(), list));
  return true;
}

}  // namespace

void PrintLine(Printer& printer, int indent, absl::string_view line) {
  const size_t open = line.find('<');
  if (Fits(indent, line) || open == absl::string_view::npos) {
    printer.Print("$line$\n", "line", std::string(line));
    return;
  }
  printer.Print("$line$\n", "line", std::string(line.substr(0, open + 1)));
  const std::string margin(line.find_first_not_of(' ') + kContinuation, ' ');
  const std::string rest = absl::StrCat(margin, line.substr(open + 1));
  if (Fits(indent, rest)) {
    printer.Print("$line$\n", "line", rest);
    return;
  }
  size_t begin = open + 1;
  int depth = 1;
  for (size_t i = begin; i < line.size() && depth > 0; ++i) {
    if (line[i] == '<' || line[i] == '(') ++depth;
    if (line[i] == '>' || line[i] == ')') --depth;
    if (line[i] == ',' && depth == 1) {
      PrintLine(printer, indent,
                absl::StrCat(margin, line.substr(begin, i + 1 - begin)));
      begin = line.find_first_not_of(' ', i + 1);
    }
  }
  PrintLine(printer, indent, absl::StrCat(margin, line.substr(begin)));
}

void PrintCall(Printer& printer, int indent, const std::string& head,
               const std::vector<std::string>& arguments,
               const std::string& tail) {
  if (PrintUnbrokenList(printer, indent, head, arguments, tail)) return;
  PrintLine(printer, indent, head + "(");
  std::string line;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const bool last = i + 1 == arguments.size();
    const std::string next =
        absl::StrCat(arguments[i], last ? absl::StrCat(")", tail) : ",");
    if (!line.empty() && Fits(indent, absl::StrCat(line, " ", next))) {
      absl::StrAppend(&line, " ", next);
      continue;
    }
    if (!line.empty()) PrintLine(printer, indent, line);
    line = absl::StrCat(Margin(), next);
  }
  PrintLine(printer, indent, line);
}

void PrintFunctionHead(Printer& printer, int indent,
                       const FunctionHead& function) {
  std::string head = absl::StrCat(function.result, " ", function.name);
  // The parameters may go to the next line, but their opening parenthesis may
  // not.
  if (!Fits(indent, head + "(")) {
    PrintLine(printer, indent, function.result);
    head = function.name;
  }
  const std::vector<std::string>& parameters = function.parameters;
  if (PrintUnbrokenList(printer, indent, head, parameters, function.tail)) {
    return;
  }
  PrintLine(printer, indent, head + "(");
  for (size_t i = 0; i < parameters.size(); ++i) {
    const bool last = i + 1 == parameters.size();
    PrintLine(printer, indent,
              absl::StrCat(Margin(), parameters[i],
                           last ? absl::StrCat(")", function.tail) : ","));
  }
}

}  // namespace fdrpc::codegen
