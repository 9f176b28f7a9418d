#ifndef FDRPC_INTERNAL_STUB_H_
#define FDRPC_INTERNAL_STUB_H_

// The functions that generated stubs call.

#include <memory>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/async_client_stream.h"
#include "fdrpc/call_options.h"
#include "fdrpc/caller.h"
#include "fdrpc/client_stream.h"
#include "fdrpc/co_client_stream.h"
#include "fdrpc/internal/message_stream.h"
#include "fdrpc/internal/take_reply.h"
#include "fdrpc/method.h"

namespace fdrpc::internal {

// Does not compile: says what to do with a StatusOr from which a stub is made.
template <typename T>
constexpr void RefuseStatusOr() {
  static_assert(
      !std::is_same_v<T, T>,
      "a stub takes a Channel: check that the StatusOr is ok(), and pass its "
      "value, as in Stub stub(*channel)");
}

// Makes a blocking unary call whose reply is a message or a Parcel of one.
// `request` is a const message, or a parcel whose descriptors are moved out.
template <typename Reply, typename Request>
absl::StatusOr<Reply> BlockingUnary(Caller& caller, const Method& method,
                                    Request& request,
                                    const CallOptions& options) {
  absl::StatusOr<Reply> reply{Reply()};
  if (absl::Status status = caller.CallUnary(method, request, *reply, options);
      !status.ok()) {
    return status;
  }
  return reply;
}

// Starts a call of a method that takes one request, for a stream or an awaiter
// to own.
template <typename Request>
std::shared_ptr<ClientCall> StartWithRequest(Caller& caller,
                                             const Method& method,
                                             Request& request,
                                             const CallOptions& options,
                                             CallForm form) {
  const OutgoingMessage message(request);
  return caller.StartCall(method, &message, options, form);
}

// Makes a one-way call: OK once its request has been written to the socket,
// whatever happens to it later; otherwise the error.
template <typename Request>
absl::Status BlockingOneWay(Caller& caller, const Method& method,
                            Request& request, const CallOptions& options) {
  const std::shared_ptr<ClientCall> call =
      StartWithRequest(caller, method, request, options, CallForm::kBlocking);
  call->Await(CallEvent::kEnd);
  return call->status();
}

// The same; calls `done` with the status.
template <typename Request>
void AsyncOneWay(Caller& caller, const Method& method, Request& request,
                 const CallOptions& options,
                 absl::AnyInvocable<void(absl::Status)> done) {
  WhenReady(
      StartWithRequest(caller, method, request, options, CallForm::kNotified),
      CallEvent::kEnd, [done = std::move(done)](ClientCall& call) mutable {
        done(call.status());
      });
}

// Makes a unary call and calls `done` with its reply or the error.
template <typename Reply, typename Request>
void AsyncUnary(Caller& caller, const Method& method, Request& request,
                const CallOptions& options,
                absl::AnyInvocable<void(absl::StatusOr<Reply>)> done) {
  WhenReady(
      StartWithRequest(caller, method, request, options, CallForm::kNotified),
      CallEvent::kEnd, [done = std::move(done)](ClientCall& call) mutable {
        done(TakeReply<Reply>(call));
      });
}

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_STUB_H_
