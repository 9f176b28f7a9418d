#ifndef FDRPC_TESTS_CALLS_CLIENT_FORM_H_
#define FDRPC_TESTS_CALLS_CLIENT_FORM_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/call_options.h"
#include "fdrpc/metadata.h"
#include "testing.fdrpc.h"

namespace fdrpc::testing {

// One call with streams as a test drives it, in any form: each function blocks
// the test until the form's wait has ended.
class DrivenCall {
 public:
  virtual ~DrivenCall() = default;

  // For calls that send a stream.
  virtual bool Write(const Text& message) = 0;
  virtual bool WriteLast(const Text& message) = 0;
  virtual void WritesDone() = 0;
  // For calls that receive one.
  virtual std::optional<Text> Read() = 0;
  virtual Metadata Headers() = 0;
  // The call's status, and the reply if it receives no stream.
  virtual absl::StatusOr<Text> Finish() = 0;
  virtual void Cancel() = 0;
  virtual Metadata Trailers() = 0;
};

// The forms in which a client can make a call.
class ClientForm {
 public:
  virtual ~ClientForm() = default;
  virtual std::string name() const = 0;

  virtual absl::StatusOr<Text> Echo(TestService::Stub& stub,
                                    const Text& request,
                                    const CallOptions& options) = 0;
  virtual std::unique_ptr<DrivenCall> Watch(TestService::Stub& stub,
                                            const Text& request,
                                            const CallOptions& options) = 0;
  virtual std::unique_ptr<DrivenCall> Collect(TestService::Stub& stub,
                                              const CallOptions& options) = 0;
  virtual std::unique_ptr<DrivenCall> Chat(TestService::Stub& stub,
                                           const CallOptions& options) = 0;

  // One for the process, never destroyed.
  static ClientForm& Blocking();
  static ClientForm& Callback();
  static ClientForm& Coroutine();
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CALLS_CLIENT_FORM_H_
