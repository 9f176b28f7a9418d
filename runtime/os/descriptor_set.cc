#include "fdrpc/descriptor_set.h"

#include "absl/strings/str_cat.h"

namespace fdrpc {

std::string OutgoingFd::place() const {
  if (other_place_ != nullptr) return *other_place_;
  if (field_ == nullptr) return "";
  return index_ < 0 ? absl::StrCat("field ", field_)
                    : absl::StrCat("field ", field_, "[", index_, "]");
}

}  // namespace fdrpc
