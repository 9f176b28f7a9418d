#ifndef FDRPC_INTERNAL_SERVE_BLOCKING_H_
#define FDRPC_INTERNAL_SERVE_BLOCKING_H_

// Serves a generated Service, whose handlers return the call's status.

#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/internal/call_message.h"
#include "fdrpc/internal/finish_call.h"
#include "fdrpc/internal/handler_exceptions.h"
#include "fdrpc/server_call.h"
#include "fdrpc/server_stream.h"
#include "fdrpc/service.h"

namespace fdrpc::internal {

// Serves a method by calling `handler`, a member function of the generated
// class. Requests are const messages or Parcels, and replies messages or
// Parcels.
template <auto handler>
struct ServeBlocking;

// absl::Status (ServerContext&, Request&, Reply&): unary; with a
// ServerReader<Request>& client-streaming; with a ServerWriter<Reply>&
// server-streaming.
template <typename ServiceType, typename In, typename Out,
          absl::Status (ServiceType::*handler)(ServerContext&, In&, Out&)>
struct ServeBlocking<handler> {
  static void Serve(Service& service, std::shared_ptr<ServerCall> call) {
    Run(static_cast<ServiceType&>(service), *call, static_cast<In*>(nullptr),
        static_cast<Out*>(nullptr));
  }

 private:
  template <typename Request, typename Reply>
  static void Run(ServiceType& service, ServerCall& call, Request*, Reply*) {
    CallMessage<std::remove_const_t<Request>> request;
    absl::Status status = call.TakeRequest(request.incoming());
    if (!status.ok()) return call.Finish(std::move(status), nullptr);
    CallMessage<Reply> reply;
    reply.UseKept();
    status = CallHandler(
        [&] { return (service.*handler)(call.context(), *request, *reply); });
    request.LetGo();
    FinishCall(call, std::move(status), reply);
  }
  template <typename Request, typename Reply>
  static void Run(ServiceType& service, ServerCall& call,
                  ServerReader<Request>*, Reply*) {
    ServerReader<Request> requests(call);
    CallMessage<Reply> reply;
    absl::Status status = CallHandler(
        [&] { return (service.*handler)(call.context(), requests, *reply); });
    FinishCall(call, std::move(status), reply);
  }
  template <typename Request, typename Reply>
  static void Run(ServiceType& service, ServerCall& call, Request*,
                  ServerWriter<Reply>*) {
    CallMessage<std::remove_const_t<Request>> request;
    absl::Status status = call.TakeRequest(request.incoming());
    if (!status.ok()) return call.Finish(std::move(status), nullptr);
    ServerWriter<Reply> replies(call);
    status = CallHandler(
        [&] { return (service.*handler)(call.context(), *request, replies); });
    request.LetGo();
    call.Finish(std::move(status), nullptr);
  }
};

// absl::Status (ServerContext&, Request&): one-way; with a
// ServerStream<Request, Reply>& bidirectional.
template <typename ServiceType, typename In,
          absl::Status (ServiceType::*handler)(ServerContext&, In&)>
struct ServeBlocking<handler> {
  static void Serve(Service& service, std::shared_ptr<ServerCall> call) {
    Run(static_cast<ServiceType&>(service), *call, static_cast<In*>(nullptr));
  }

 private:
  template <typename Request>
  static void Run(ServiceType& service, ServerCall& call, Request*) {
    CallMessage<std::remove_const_t<Request>> request;
    absl::Status status = call.TakeRequest(request.incoming());
    if (status.ok()) {
      status = CallHandler(
          [&] { return (service.*handler)(call.context(), *request); });
    }
    request.LetGo();
    call.Finish(std::move(status), nullptr);
  }
  template <typename Request, typename Reply>
  static void Run(ServiceType& service, ServerCall& call,
                  ServerStream<Request, Reply>*) {
    ServerStream<Request, Reply> stream(call);
    call.Finish(
        CallHandler([&] { return (service.*handler)(call.context(), stream); }),
        nullptr);
  }
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_SERVE_BLOCKING_H_
