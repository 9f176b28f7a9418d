#ifndef FDRPC_INTERNAL_SERVE_CO_H_
#define FDRPC_INTERNAL_SERVE_CO_H_

// Serves a generated CoService, whose handlers are coroutines that return the
// call's status.

#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/co_server_stream.h"
#include "fdrpc/internal/call_message.h"
#include "fdrpc/internal/detached_task.h"
#include "fdrpc/internal/finish_call.h"
#include "fdrpc/internal/handler_exceptions.h"
#include "fdrpc/server_call.h"
#include "fdrpc/service.h"
#include "fdrpc/task.h"

namespace fdrpc::internal {

namespace serve_co {

inline Task<absl::Status> Failed(absl::Status status) { co_return status; }

// Makes a handler's coroutine.
template <typename Handler>
Task<absl::Status> Start(Handler handler) {
  return CallHandler(handler, &Failed);
}

}  // namespace serve_co

// As ServeBlocking, for functions that return Task<absl::Status>. Their
// reference parameters live until they have ended.
template <auto handler>
struct ServeCo;

template <typename ServiceType, typename In, typename Out,
          Task<absl::Status> (ServiceType::*handler)(ServerContext&, In&, Out&)>
struct ServeCo<handler> {
  static void Serve(Service& service, std::shared_ptr<ServerCall> call) {
    Run(static_cast<ServiceType&>(service), std::move(call),
        static_cast<In*>(nullptr), static_cast<Out*>(nullptr));
  }

 private:
  template <typename Request, typename Reply>
  static DetachedTask Run(ServiceType& service,
                          std::shared_ptr<ServerCall> call, Request*, Reply*) {
    CallMessage<std::remove_const_t<Request>> request;
    absl::Status status = call->TakeRequest(request.incoming());
    if (!status.ok()) {
      call->Finish(std::move(status), nullptr);
      co_return;
    }
    CallMessage<Reply> reply;
    reply.UseKept();
    {
      Task<absl::Status> running = serve_co::Start([&] {
        return (service.*handler)(call->context(), *request, *reply);
      });
      status = co_await running.OrIfThrown(&HandlerThrew);
    }
    request.LetGo();
    FinishCall(*call, std::move(status), reply);
  }
  template <typename Request, typename Reply>
  static DetachedTask Run(ServiceType& service,
                          std::shared_ptr<ServerCall> call,
                          CoServerReader<Request>*, Reply*) {
    CoServerReader<Request> requests(*call);
    CallMessage<Reply> reply;
    absl::Status status;
    {
      Task<absl::Status> running = serve_co::Start([&] {
        return (service.*handler)(call->context(), requests, *reply);
      });
      status = co_await running.OrIfThrown(&HandlerThrew);
    }
    FinishCall(*call, std::move(status), reply);
  }
  template <typename Request, typename Reply>
  static DetachedTask Run(ServiceType& service,
                          std::shared_ptr<ServerCall> call, Request*,
                          CoServerWriter<Reply>*) {
    CallMessage<std::remove_const_t<Request>> request;
    absl::Status status = call->TakeRequest(request.incoming());
    if (!status.ok()) {
      call->Finish(std::move(status), nullptr);
      co_return;
    }
    CoServerWriter<Reply> replies(*call);
    {
      Task<absl::Status> running = serve_co::Start([&] {
        return (service.*handler)(call->context(), *request, replies);
      });
      status = co_await running.OrIfThrown(&HandlerThrew);
    }
    request.LetGo();
    call->Finish(std::move(status), nullptr);
  }
};

template <typename ServiceType, typename In,
          Task<absl::Status> (ServiceType::*handler)(ServerContext&, In&)>
struct ServeCo<handler> {
  static void Serve(Service& service, std::shared_ptr<ServerCall> call) {
    Run(static_cast<ServiceType&>(service), std::move(call),
        static_cast<In*>(nullptr));
  }

 private:
  template <typename Request>
  static DetachedTask Run(ServiceType& service,
                          std::shared_ptr<ServerCall> call, Request*) {
    CallMessage<std::remove_const_t<Request>> request;
    absl::Status status = call->TakeRequest(request.incoming());
    if (!status.ok()) {
      call->Finish(std::move(status), nullptr);
      co_return;
    }
    {
      Task<absl::Status> running = serve_co::Start(
          [&] { return (service.*handler)(call->context(), *request); });
      status = co_await running.OrIfThrown(&HandlerThrew);
    }
    request.LetGo();
    call->Finish(std::move(status), nullptr);
  }
  template <typename Request, typename Reply>
  static DetachedTask Run(ServiceType& service,
                          std::shared_ptr<ServerCall> call,
                          CoServerStream<Request, Reply>*) {
    CoServerStream<Request, Reply> stream(*call);
    absl::Status status;
    {
      Task<absl::Status> running = serve_co::Start(
          [&] { return (service.*handler)(call->context(), stream); });
      status = co_await running.OrIfThrown(&HandlerThrew);
    }
    call->Finish(std::move(status), nullptr);
  }
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_SERVE_CO_H_
