#ifndef FDRPC_SERVICE_H_
#define FDRPC_SERVICE_H_

#include <string_view>

#include "absl/types/span.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/internal/method_handler.h"

namespace fdrpc {

// The base of every generated service. AddService() borrows it.
class FDRPC_API Service {
 public:
  virtual ~Service() = default;

  // "package.Service".
  virtual std::string_view full_name() const = 0;
  virtual absl::Span<const internal::MethodHandler> method_handlers() const = 0;
  // What reflection tells about the service: a serialised
  // google.protobuf.FileDescriptorSet of its .proto file, with comments, and
  // of all that this imports. Empty unless the code was generated with the
  // parameter "reflection". Of static storage.
  virtual std::string_view descriptor_files() const { return {}; }
};

}  // namespace fdrpc

#endif  // FDRPC_SERVICE_H_
