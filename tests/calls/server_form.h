#ifndef FDRPC_TESTS_CALLS_SERVER_FORM_H_
#define FDRPC_TESTS_CALLS_SERVER_FORM_H_

#include <memory>
#include <string>

#include "fdrpc/service.h"
#include "tests/calls/script.h"

namespace fdrpc::testing {

// The forms of a server: each makes a TestService whose handlers do what the
// client's messages say (script.h).
class ServerForm {
 public:
  virtual ~ServerForm() = default;
  virtual std::string name() const = 0;
  // Borrows `seen`, which must outlive the service.
  virtual std::unique_ptr<Service> NewService(Observations& seen) = 0;
  // Whether it is served in a loop, instead of on threads of the server.
  virtual bool in_loop() const { return false; }

  // One for the process, never destroyed.
  static ServerForm& Blocking();
  static ServerForm& Callback();
  static ServerForm& Coroutine();
  static ServerForm& CallbackInLoop();
  static ServerForm& CoroutineInLoop();
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CALLS_SERVER_FORM_H_
