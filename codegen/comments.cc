#include "codegen/comments.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "codegen/code_layout.h"

namespace fdrpc::codegen {
namespace {

// A line that ends with a backslash, or its trigraph, would make the next line
// a part of the comment. Compilers ignore blanks after the backslash.
bool ContinuesTheLine(absl::string_view line) {
  return absl::EndsWith(line, "\\") || absl::EndsWith(line, "\?\?/");
}

std::string CommentLine(absl::string_view text) {
  std::string line = "//";
  absl::StrAppend(&line, text);
  for (char& c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  absl::StripTrailingAsciiWhitespace(&line);
  if (ContinuesTheLine(line)) line += " (end of line)";
  return line;
}

}  // namespace

std::vector<std::string> CommentLines(absl::string_view text) {
  text = absl::StripTrailingAsciiWhitespace(text);
  std::vector<std::string> lines;
  if (text.empty()) return lines;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    lines.push_back(CommentLine(line));
  }
  return lines;
}

void PrintComment(google::protobuf::io::Printer& printer,
                  absl::string_view text) {
  for (const std::string& line : CommentLines(text)) {
    printer.Print("$line$\n", "line", line);
  }
}

void PrintProse(google::protobuf::io::Printer& printer, int indent,
                absl::string_view text) {
  std::string line = "//";
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (line != "//" && indent + line.size() + 1 + word.size() > kColumns) {
      printer.Print("$line$\n", "line", line);
      line = "//";
    }
    absl::StrAppend(&line, " ", word);
  }
  printer.Print("$line$\n", "line", line);
}

}  // namespace fdrpc::codegen
