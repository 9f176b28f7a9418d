#include "codegen/parameter.h"

#include "absl/strings/str_cat.h"

namespace fdrpc::codegen {

std::string Parameter::Declared() const {
  if (default_value.empty()) return Defined();
  return absl::StrCat(Defined(), " = ", default_value);
}

std::string Parameter::Defined() const { return absl::StrCat(type, " ", name); }

std::string Parameter::Unused() const {
  return absl::StrCat(type, " /*", name, "*/");
}

}  // namespace fdrpc::codegen
