#include "server/call_terms.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "wire/metadata_block.h"

namespace fdrpc {

IncomingCall::Terms TermsOfRequest(uint32_t id, const RegisteredMethod& method,
                                   OpenHeader& open,
                                   const ServerOptions& options,
                                   const Clock& clock) {
  const bool takes_descriptors =
      method.handler->method->request_has_descriptors;
  IncomingCall::Terms terms = {
      .id = id,
      .method = method,
      .metadata = std::move(open.metadata),
      .request_limits = {.bytes = options.max_request_bytes,
                         .descriptors = takes_descriptors
                                            ? options.max_request_descriptors
                                            : 0}};
  terms.metadata_bytes = MemoryOf(terms.metadata);
  if (open.timeout_ns.has_value()) {
    // More than 100 years means no deadline, and this value cannot overflow.
    constexpr uint64_t kLongest = uint64_t{100} * 366 * 86400 * 1'000'000'000;
    terms.deadline = clock.Now() + std::chrono::nanoseconds(
                                       std::min(*open.timeout_ns, kLongest));
  }
  return terms;
}

}  // namespace fdrpc
