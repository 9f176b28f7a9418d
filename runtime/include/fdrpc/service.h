#ifndef FDRPC_SERVICE_H_
#define FDRPC_SERVICE_H_

#include <string_view>

#include "absl/types/span.h"
#include "fdrpc/internal/method_handler.h"

namespace fdrpc {

// The base of every generated service. AddService() borrows it.
class Service {
 public:
  virtual ~Service() = default;

  // "package.Service".
  virtual std::string_view full_name() const = 0;
  virtual absl::Span<const internal::MethodHandler> method_handlers() const = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVICE_H_
