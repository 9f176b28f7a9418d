#ifndef FDRPC_SERVER_NAMED_METHODS_H_
#define FDRPC_SERVER_NAMED_METHODS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/service_registry.h"

namespace fdrpc {

// The table of one connection that maps the ids of methods to the handlers that
// the server has for their names: the client names each method once, and calls
// it by its id. Owns neither methods nor services, and knows of no calls.
class NamedMethods {
 public:
  // Borrows the registry.
  explicit NamedMethods(const ServiceRegistry& registry)
      : registry_(registry) {}

  // False for a number that is not the next one: they count from 1 without a
  // gap. (CheckFrame() checks the upper limit.)
  bool Add(uint32_t number, std::string_view full_name) {
    if (number != methods_.size() + 1) return false;
    methods_.push_back(registry_.Find(full_name));
    return true;
  }
  // The result of ServiceRegistry::Find() for its name; null if it was not
  // named.
  const absl::StatusOr<RegisteredMethod>* Find(uint32_t number) const {
    return number == 0 || number > methods_.size() ? nullptr
                                                   : &methods_[number - 1];
  }

 private:
  const ServiceRegistry& registry_;
  std::vector<absl::StatusOr<RegisteredMethod>> methods_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_NAMED_METHODS_H_
