#ifndef FDRPC_CODEGEN_PROBLEMS_H_
#define FDRPC_CODEGEN_PROBLEMS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// Collects what is wrong with a file, so that its author sees all problems at
// once.
class Problems {
 public:
  explicit Problems(const google::protobuf::FileDescriptor& file)
      : file_(file) {}

  // `element` is a message, a field, a method or another element of the file.
  // `problem` says what is wrong with it, and what to do.
  template <typename Element>
  void Add(const Element& element, absl::string_view problem) {
    google::protobuf::SourceLocation location;
    const bool known = element.GetSourceLocation(&location);
    AddAt(known ? location.start_line + 1 : 0, std::string(element.full_name()),
          problem);
  }
  // Adds a problem of the file as a whole.
  void AddToFile(absl::string_view problem) { AddAt(0, "", problem); }

  // INVALID_ARGUMENT with a line for each problem, or OK if there are none.
  absl::Status ToStatus() const;

 private:
  // Line 0 means that there is none, as in descriptors without source text.
  void AddAt(int line, absl::string_view element, absl::string_view problem);

  const google::protobuf::FileDescriptor& file_;
  std::string lines_;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_PROBLEMS_H_
