#ifndef FDRPC_TESTS_CALLS_EXCHANGE_H_
#define FDRPC_TESTS_CALLS_EXCHANGE_H_

#include <future>
#include <utility>

#include "absl/status/statusor.h"
#include "fdrpc/task.h"
#include "tests/calls/client_form.h"

namespace fdrpc::testing {

// Calls the method Exchange of a service, whose request and reply have the same
// type, in that form.
template <typename Stub, typename Message>
absl::StatusOr<Message> Exchange(ClientForm& form, Stub& stub,
                                 Message request) {
  if (form.name() == "Blocking") return stub.Exchange(std::move(request));
  if (form.name() == "Callback") {
    std::promise<absl::StatusOr<Message>> result;
    stub.async().Exchange(std::move(request), {},
                          [&](absl::StatusOr<Message> reply) {
                            result.set_value(std::move(reply));
                          });
    return result.get_future().get();
  }
  return BlockOn(
      [](Stub& stub, Message request) -> Task<absl::StatusOr<Message>> {
        co_return co_await stub.co().Exchange(std::move(request));
      }(stub, std::move(request)));
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CALLS_EXCHANGE_H_
