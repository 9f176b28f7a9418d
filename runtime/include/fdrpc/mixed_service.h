#ifndef FDRPC_MIXED_SERVICE_H_
#define FDRPC_MIXED_SERVICE_H_

#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/types/span.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/internal/method_handler.h"
#include "fdrpc/service.h"

namespace fdrpc {

// A service whose methods are served by several objects, each in its own form:
//
//   BlockingPart blocking;      // a Store::Service with some handlers
//   CoroutinePart coroutines;   // a Store::CoService with the others
//   fdrpc::MixedService store(blocking, coroutines);
//   server.AddService(store);
//
// The class of each part derives from the Service, AsyncService or CoService of
// one generated class. A part serves the methods whose handlers its class
// overrides, as far as the type of the argument shows. A method that no part
// overrides answers UNIMPLEMENTED.
class FDRPC_API MixedService final : public Service {
 public:
  // Borrows the parts. Two parts that override one handler, or that are of
  // different services, are a programmer's error.
  template <typename... Parts>
  requires(sizeof...(Parts) > 1 &&
           (std::is_convertible_v<Parts*, Service*> &&
            ...)) explicit MixedService(Parts&... parts) {
    (AddPart(parts), ...);
  }

  std::string_view full_name() const override { return full_name_; }
  absl::Span<const internal::MethodHandler> method_handlers() const override {
    return handlers_;
  }
  std::string_view descriptor_files() const override {
    return descriptor_files_;
  }

 private:
  template <typename Part>
  void AddPart(Part& part) {
    constexpr auto overridden = Part::template CheckHandlers<Part>();
    static_assert(
        overridden.any(),
        "a part of a MixedService has a type that overrides no handler: give "
        "it as the class that does");
    Add(part, overridden.at);
  }
  void Add(Service& part, absl::Span<const bool> overridden);

  std::string_view full_name_;
  std::string_view descriptor_files_;
  std::vector<internal::MethodHandler> handlers_;
  std::vector<bool> taken_;  // whether a part overrides it
};

}  // namespace fdrpc

#endif  // FDRPC_MIXED_SERVICE_H_
