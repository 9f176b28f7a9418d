#ifndef FDRPC_ASYNC_SERVER_STREAM_H_
#define FDRPC_ASYNC_SERVER_STREAM_H_

// Calls for handlers with callbacks. The handler returns at once and keeps the
// handle; the call lasts until Finish(). Callbacks run on the server's threads,
// without a lock, and never within the function that they are passed to. A
// handler or callback that throws ends its call with UNKNOWN.

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "fdrpc/internal/call_message.h"
#include "fdrpc/internal/finish_call.h"
#include "fdrpc/internal/message_stream.h"
#include "fdrpc/server_call.h"
#include "fdrpc/server_context.h"
#include "google/protobuf/message_lite.h"

namespace fdrpc {

// The common part of the handles of every kind of call. Copies are handles to
// one call. If the last handle, including those of pending callbacks, is
// destroyed before Finish(), the call ends with INTERNAL.
//
// Threads: a handle may be used from any thread. One Read() and one Write() may
// be pending at a time.
template <typename Request, typename Reply>
class AsyncServerCallBase {
 public:
  explicit AsyncServerCallBase(std::shared_ptr<ServerCall> call)
      : state_(std::make_shared<State>(std::move(call))) {}

  // Valid while a handle exists.
  ServerContext& context() { return state_->call->context(); }
  // The place for the request.
  IncomingMessage incoming() { return state_->request.incoming(); }

 protected:
  struct State {
    explicit State(std::shared_ptr<ServerCall> of) : call(std::move(of)) {}
    ~State() {
      call->Abort(absl::InternalError("the handler dropped the call"));
    }
    // Also used as the pointer to the call, which pending callbacks keep.
    std::shared_ptr<ServerCall> call;
    internal::CallMessage<Request> request;  // of methods that take one

    // For a stream of replies.
    static constexpr int kWrites = 1;    // a Write() is pending
    static constexpr int kFinishes = 2;  // Finish() was called
    static constexpr int kEnds = 4;      // and `end` is its status
    std::atomic<int> writing{0};
    absl::Status end;

    void Finish(absl::Status status) {
      request.CloseDescriptors();
      call->Finish(std::move(status), nullptr);
    }
    void EndWrite() {
      if ((writing.fetch_and(~kWrites) & kEnds) != 0) Finish(end);
    }
  };
  State& state() { return *state_; }
  // A pointer to the call that also keeps the state.
  std::shared_ptr<ServerCall> call() {
    return std::shared_ptr<ServerCall>(state_, state_->call.get());
  }

  void FinishWith(absl::Status status) { state_->Finish(std::move(status)); }
  void FinishWithReply(Reply& reply) {
    state_->request.CloseDescriptors();
    internal::MovedMessage<Reply> moved(reply);
    internal::FinishCall(*state_->call, absl::OkStatus(), moved);
  }

  // The common part of the handles that send a stream.
  template <typename Message>
  void Send(Message reply, absl::AnyInvocable<void(bool)> done) {
    State* const state = state_.get();  // call() keeps it alive
    state->writing.fetch_or(State::kWrites);
    internal::async_steps::Write<internal::async_steps::HandlerCaller>(
        call(), std::move(reply), false,
        [state, done = std::move(done)](bool taken) mutable {
          state->EndWrite();
          done(taken);
        });
  }
  // The status is sent after a pending Write().
  void FinishStream(absl::Status status) {
    State& state = *state_;
    if ((state.writing.fetch_or(State::kFinishes) & State::kFinishes) != 0) {
      return;
    }
    state.end = std::move(status);
    if ((state.writing.fetch_or(State::kEnds) & State::kWrites) == 0) {
      state.Finish(state.end);
    }
  }

 private:
  std::shared_ptr<State> state_;
};

// A unary call.
template <typename Request, typename Reply>
class AsyncServerUnary final : public AsyncServerCallBase<Request, Reply> {
 public:
  using AsyncServerCallBase<Request, Reply>::AsyncServerCallBase;

  Request& request() { return *this->state().request; }

  // Ends the call with its reply; the first Finish() counts.
  void Finish(Reply reply) { this->FinishWithReply(reply); }
  // Ends the call with an error.
  void Finish(absl::Status error) { this->FinishWith(std::move(error)); }
};

// A one-way call, which continues when its client has gone.
template <typename Request>
class AsyncServerOneWay final
    : public AsyncServerCallBase<Request, google::protobuf::MessageLite> {
 public:
  using AsyncServerCallBase<Request,
                            google::protobuf::MessageLite>::AsyncServerCallBase;

  Request& request() { return *this->state().request; }

  // Ends the call. Nothing is sent to the client; the server counts errors
  // (Server::statistics()).
  void Finish(absl::Status status) { this->FinishWith(std::move(status)); }
};

// A server-streaming call.
template <typename Request, typename Reply>
class AsyncServerWriter final : public AsyncServerCallBase<Request, Reply> {
 public:
  using AsyncServerCallBase<Request, Reply>::AsyncServerCallBase;

  Request& request() { return *this->state().request; }

  // Calls `done` with true when `reply` has been taken over and the next one
  // may be written, with false if the call has ended.
  void Write(Reply reply, absl::AnyInvocable<void(bool)> done) {
    this->Send(std::move(reply), std::move(done));
  }
  // Ends the call, after the reply of a pending Write().
  void Finish(absl::Status status) { this->FinishStream(std::move(status)); }
};

// A client-streaming call.
template <typename Request, typename Reply>
class AsyncServerReader final : public AsyncServerCallBase<Request, Reply> {
 public:
  using AsyncServerCallBase<Request, Reply>::AsyncServerCallBase;

  // Calls `done` with the next request, or with nullopt after the half-close or
  // the end of the call.
  void Read(absl::AnyInvocable<void(std::optional<Request>)> done) {
    internal::async_steps::Read<Request, internal::async_steps::HandlerCaller>(
        this->call(), std::move(done));
  }
  void Finish(Reply reply) { this->FinishWithReply(reply); }
  void Finish(absl::Status error) { this->FinishWith(std::move(error)); }
};

// A bidirectional call.
template <typename Request, typename Reply>
class AsyncServerStream final : public AsyncServerCallBase<Request, Reply> {
 public:
  using AsyncServerCallBase<Request, Reply>::AsyncServerCallBase;

  void Read(absl::AnyInvocable<void(std::optional<Request>)> done) {
    internal::async_steps::Read<Request, internal::async_steps::HandlerCaller>(
        this->call(), std::move(done));
  }
  void Write(Reply reply, absl::AnyInvocable<void(bool)> done) {
    this->Send(std::move(reply), std::move(done));
  }
  void Finish(absl::Status status) { this->FinishStream(std::move(status)); }
};

}  // namespace fdrpc

#endif  // FDRPC_ASYNC_SERVER_STREAM_H_
