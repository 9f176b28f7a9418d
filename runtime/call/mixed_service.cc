#include "fdrpc/mixed_service.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace fdrpc {

void MixedService::Add(Service& part, absl::Span<const bool> overridden) {
  const absl::Span<const internal::MethodHandler> handlers =
      part.method_handlers();
  if (handlers_.empty()) {
    full_name_ = part.full_name();
    descriptor_files_ = part.descriptor_files();
    handlers_.resize(handlers.size());
    taken_.resize(handlers.size());
  }
  FDRPC_CHECK(part.full_name() == full_name_,
              absl::StrCat(
                  "parts of two services were mixed: ", std::string(full_name_),
                  " and ", std::string(part.full_name())));
  for (size_t i = 0; i < handlers.size(); ++i) {
    FDRPC_CHECK(!overridden[i] || !taken_[i],
                absl::StrCat("two parts of a mixed service have a handler of ",
                             std::string(handlers[i].method->full_name)));
    if (!overridden[i] && handlers_[i].method != nullptr) continue;
    handlers_[i] = handlers[i];
    handlers_[i].service = &part;
    taken_[i] = overridden[i];
  }
}

}  // namespace fdrpc
