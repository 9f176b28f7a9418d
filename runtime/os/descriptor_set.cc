#include "fdrpc/descriptor_set.h"

#include "absl/strings/str_cat.h"

namespace fdrpc {

std::string AttachedFd::place() const {
  if (place_ == nullptr) return "";
  return index_ < 0 ? place_.get()
                    : absl::StrCat(place_.get(), "[", index_, "]");
}

}  // namespace fdrpc
