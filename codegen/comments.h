#ifndef FDRPC_CODEGEN_COMMENTS_H_
#define FDRPC_CODEGEN_COMMENTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/printer.h"

namespace fdrpc::codegen {

// The lines of C++ comments, each with its "//", that say what `text` says.
// Nothing in `text` can end the comment or continue it into the next line.
std::vector<std::string> CommentLines(absl::string_view text);

// The comment that stands before an element of a .proto file or, if there is
// none, on its line behind it.
template <typename Element>
std::string CommentOf(const Element& element) {
  google::protobuf::SourceLocation location;
  if (!element.GetSourceLocation(&location)) return "";
  return location.leading_comments.empty() ? location.trailing_comments
                                           : location.leading_comments;
}

// A comment from the .proto file, in its own lines.
void PrintComment(google::protobuf::io::Printer& printer,
                  absl::string_view text);

// A comment of our own, broken into lines where it must be. `indent` is what
// `printer` indents lines by.
void PrintProse(google::protobuf::io::Printer& printer, int indent,
                absl::string_view text);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_COMMENTS_H_
