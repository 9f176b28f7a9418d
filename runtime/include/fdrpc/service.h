#ifndef FDRPC_SERVICE_H_
#define FDRPC_SERVICE_H_

// What generated services are written in terms of; users derive from the
// generated class and have no need of the rest.

#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "fdrpc/caller.h"
#include "fdrpc/method.h"
#include "fdrpc/parcel.h"
#include "fdrpc/server_context.h"

namespace fdrpc {

// One unary call as the server's runtime hands it to generated code.
class UnaryServerCall {
 public:
  virtual ServerContext& context() = 0;
  // Parses the request into `request`, with its descriptors.
  virtual absl::Status TakeRequest(IncomingMessage request) = 0;
  // Ends the call; exactly one of the two is called, once.
  virtual void FinishOk(OutgoingMessage reply) = 0;
  virtual void FinishError(absl::Status status) = 0;

 protected:
  ~UnaryServerCall() = default;
};

class Service;

// One method of a service with the code that serves it. Null: the server
// answers UNIMPLEMENTED.
struct MethodHandler {
  const Method* method = nullptr;
  void (*serve_unary)(Service& service, UnaryServerCall& call) = nullptr;
};

// The base of every generated service. AddService() borrows it.
class Service {
 public:
  virtual ~Service() = default;

  // "package.Service".
  virtual std::string_view full_name() const = 0;
  virtual absl::Span<const MethodHandler> method_handlers() const = 0;
};

// Serves a unary method by calling `handler`, a member function
//   absl::Status (GeneratedService::*)(ServerContext&, Request&, Reply&)
// where Request is a const message or a Parcel, and Reply likewise.
template <auto handler>
struct ServeUnary;

template <typename ServiceType, typename Request, typename Reply,
          absl::Status (ServiceType::*handler)(ServerContext&, Request&,
                                               Reply&)>
struct ServeUnary<handler> {
  static void Serve(Service& service, UnaryServerCall& call) {
    std::remove_const_t<Request> request;
    absl::Status status = call.TakeRequest(request);
    if (!status.ok()) return call.FinishError(std::move(status));
    Reply reply;
    status = (static_cast<ServiceType&>(service).*handler)(call.context(),
                                                           request, reply);
    if constexpr (std::is_base_of_v<ParcelBase, Reply>) {
      if (status.ok()) {
        absl::Status prepared = reply.PrepareToSend();
        // The mistake is the handler's, not the client's.
        if (!prepared.ok()) status = absl::InternalError(prepared.message());
      }
    }
    if constexpr (std::is_base_of_v<ParcelBase, decltype(request)>) {
      // What the handler did not take is closed before the client hears.
      request.TakeDescriptors();
    }
    if (!status.ok()) return call.FinishError(std::move(status));
    call.FinishOk(reply);
  }
};

}  // namespace fdrpc

#endif  // FDRPC_SERVICE_H_
