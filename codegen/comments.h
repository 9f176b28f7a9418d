#ifndef FDRPC_CODEGEN_COMMENTS_H_
#define FDRPC_CODEGEN_COMMENTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/printer.h"

namespace fdrpc::codegen {

// `text` as lines of C++ comments, each with its "//". Nothing in `text` can
// end the comment, or continue it into the next line.
std::vector<std::string> CommentLines(absl::string_view text);

// The comment before an element of a .proto file or, if there is none, the one
// after it on the same line.
template <typename Element>
std::string CommentOf(const Element& element) {
  google::protobuf::SourceLocation location;
  if (!element.GetSourceLocation(&location)) return "";
  return location.leading_comments.empty() ? location.trailing_comments
                                           : location.leading_comments;
}

// Prints a comment from the .proto file, with its own line breaks.
void PrintComment(google::protobuf::io::Printer& printer,
                  absl::string_view text);

// Prints a comment of the generator, with line breaks where necessary. `indent`
// is the indentation of `printer`.
void PrintProse(google::protobuf::io::Printer& printer, int indent,
                absl::string_view text);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_COMMENTS_H_
