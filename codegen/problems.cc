#include "codegen/problems.h"

#include "absl/strings/str_cat.h"

namespace fdrpc::codegen {

absl::Status Problems::ToStatus() const {
  if (lines_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(lines_);
}

void Problems::AddAt(int line, absl::string_view element,
                     absl::string_view problem) {
  if (!lines_.empty()) lines_ += '\n';
  lines_ += std::string(file_.name());
  if (line > 0) absl::StrAppend(&lines_, ":", line);
  if (!element.empty()) absl::StrAppend(&lines_, ": ", element);
  absl::StrAppend(&lines_, ": ", problem);
}

}  // namespace fdrpc::codegen
