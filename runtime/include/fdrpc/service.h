#ifndef FDRPC_SERVICE_H_
#define FDRPC_SERVICE_H_

// What generated services are written in terms of; users derive from the
// generated classes and have no need of the rest.

#include <cstddef>
#include <memory>
#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "fdrpc/call.h"
#include "fdrpc/method.h"
#include "fdrpc/server_context.h"

namespace fdrpc {

// A server's end of a call. Send() and Take() are for the streams of methods
// that have them.
class ServerCall : public Call {
 public:
  // Valid as long as the call.
  virtual ServerContext& context() = 0;

  // Parses the one request of a method that takes one. Once.
  virtual absl::Status TakeRequest(IncomingMessage request) = 0;

  // Ends the call, behind what Send() took over; the first Finish() or Abort()
  // counts. `reply` is the one reply of a method that gives one, if the status
  // is OK; null otherwise.
  virtual void Finish(absl::Status status, const OutgoingMessage* reply) = 0;

  // Ends the call with `error` at once, in place of what waits to be sent, for
  // others than its handler: that finds it cancelled and is to Finish() still.
  // Does nothing once the end has been sent.
  virtual void Fail(const absl::Status& error) { Abort(error); }
};

// Ends a call as its handler says. `reply` is a CallMessage or MovedMessage.
template <typename Reply>
void FinishCall(ServerCall& call, absl::Status status, Reply& reply) {
  if (!status.ok()) return call.Finish(std::move(status), nullptr);
  const OutgoingMessage message = reply.outgoing();
  call.Finish(absl::OkStatus(), &message);
}

class Service;

// One method of a service with the code that serves it: called on a thread of
// the server once the request is here, or, for methods that take a stream of
// them, once the call is. It may block.
struct MethodHandler {
  const Method* method = nullptr;
  void (*serve)(Service& service, std::shared_ptr<ServerCall> call) = nullptr;
  // Whose code it is; null: that of the service that has this.
  Service* service = nullptr;
};

// Which handlers of a generated service a class overrides, in the order of
// method_handlers(). One that is private or overloaded counts as overridden.
template <size_t kHandlers>
struct OverriddenHandlers {
  constexpr OverriddenHandlers() {
    for (bool& overridden : at) overridden = true;
  }
  constexpr bool any() const {
    for (const bool overridden : at) {
      if (overridden) return true;
    }
    return false;
  }

  bool at[kHandlers];
};

// The signature of a method, whatever its class.
template <typename Method>
struct SignatureOf {
  using Type = void;
};
template <typename Result, typename Class, typename... Parameters>
struct SignatureOf<Result (Class::*)(Parameters...)> {
  using Type = Result(Parameters...);
};
template <typename Result, typename Class, typename... Parameters>
struct SignatureOf<Result (Class::*)(Parameters...) noexcept> {
  using Type = Result(Parameters...);
};

// Does not compile unless `kOwn`, a method of a user's service, has the
// signature of the handler of that name. Says whether it overrides that.
template <auto kOwn, auto kHandler>
constexpr void CheckHandler(bool& overrides) {
  static_assert(
      std::is_same_v<typename SignatureOf<decltype(kOwn)>::Type,
                     typename SignatureOf<decltype(kHandler)>::Type>,
      "a method of this service has the name of a handler, but other "
      "parameters or another result: it hides the handler, which goes on "
      "answering UNIMPLEMENTED. Declare it as the generated .fdrpc.h does, and "
      "write override behind it");
  overrides = !std::is_same_v<decltype(kOwn), decltype(kHandler)>;
}

// Does not compile if a method of `Derived`, a class that may derive from a
// generated service, only seems to be a handler.
template <typename Derived>
constexpr void CheckService() {
  if constexpr (requires { Derived::template CheckHandlers<Derived>(); }) {
    (void)Derived::template CheckHandlers<Derived>();
  }
}

// The base of every generated service. AddService() borrows it.
class Service {
 public:
  virtual ~Service() = default;

  // "package.Service".
  virtual std::string_view full_name() const = 0;
  virtual absl::Span<const MethodHandler> method_handlers() const = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVICE_H_
