#ifndef FDRPC_ASYNC_CLIENT_STREAM_H_
#define FDRPC_ASYNC_CLIENT_STREAM_H_

// The streams of a client with callbacks. Callbacks run on the channel's loop
// (ChannelOptions::loop), without a lock, and never within the function that
// they are passed to. A callback may do anything except block the loop.

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/client_call.h"
#include "fdrpc/internal/message_stream.h"
#include "fdrpc/internal/take_reply.h"
#include "fdrpc/metadata.h"

namespace fdrpc {

// The common part of a client's asynchronous streams. Copies are handles to one
// call. When the last handle is destroyed, including those that callbacks have
// captured, a call that has not ended is cancelled. Pending callbacks then run;
// the one of Finish() gets CANCELLED. So keep a handle until Finish() calls
// back, for example in its callback.
//
// Threads: a handle may be used from any thread. One Read() and one Write() may
// be pending at a time.
class AsyncClientStreamBase {
 public:
  explicit AsyncClientStreamBase(std::shared_ptr<ClientCall> call)
      : AsyncClientStreamBase(std::make_shared<State>(std::move(call))) {}

  // Ends the call with CANCELLED, if it has not ended. Pending callbacks run.
  void Cancel() { state_->Cancel(); }

  // Calls `done` with the server's initial metadata, which is empty if the call
  // ended without; borrowed during the callback.
  void headers(absl::AnyInvocable<void(const Metadata& headers)> done) {
    internal::WhenReady(call(), CallEvent::kHeaders,
                        [done = std::move(done)](ClientCall& call) mutable {
                          done(call.headers());
                        });
  }
  // The former name of headers().
  void Headers(absl::AnyInvocable<void(const Metadata& headers)> done) {
    headers(std::move(done));
  }

  // The server's trailing metadata, after the call has ended; borrowed from the
  // call.
  const Metadata& trailers() { return state_->call->trailers(); }

 protected:
  // For a pending callback: keeps the call and its state alive, but does not
  // keep the call from being cancelled.
  std::shared_ptr<ClientCall> call() {
    return {state_->shared_from_this(), state_->call.get()};
  }

  // The common part of the streams that send messages.
  template <typename Request>
  void Send(Request request, bool last, absl::AnyInvocable<void(bool)> done) {
    State* const state = state_.get();  // call() keeps it alive
    state->writing.fetch_or(State::kWrites);
    internal::async_steps::Write(
        call(), std::move(request), last,
        [state, done = std::move(done)](bool taken) mutable {
          state->EndWrite();
          done(taken);
        });
  }
  // The half-close is sent after a pending Write().
  void HalfClose() {
    if ((state_->writing.fetch_or(State::kHalfCloses) & State::kWrites) == 0) {
      state_->call->HalfClose();
    }
  }

 private:
  struct State : std::enable_shared_from_this<State> {
    static constexpr int kWrites = 1;      // a Write() is pending
    static constexpr int kHalfCloses = 2;  // half-close after that

    explicit State(std::shared_ptr<ClientCall> of) : call(std::move(of)) {}
    void Cancel() {
      call->Abort(absl::CancelledError("the caller cancelled the call"));
    }
    void EndWrite() {
      if ((writing.fetch_and(~kWrites) & kHalfCloses) != 0) call->HalfClose();
    }

    const std::shared_ptr<ClientCall> call;
    std::atomic<int> writing{0};
  };

  explicit AsyncClientStreamBase(std::shared_ptr<State> state)
      // Braces: get() must come before the move.
      : state_{state.get(),
               [kept = std::move(state)](State* last) { last->Cancel(); }} {}

  // Owned by the handles: the last one cancels the call.
  std::shared_ptr<State> state_;
};

namespace internal::async_steps {

// Drops the replies that were not read.
template <typename Reply>
void Finish(std::shared_ptr<ClientCall> call,
            absl::AnyInvocable<void(absl::Status)> done) {
  Read<Reply>(call, [call, done = std::move(done)](
                        std::optional<Reply> dropped) mutable {
    if (dropped.has_value()) {
      return Finish<Reply>(std::move(call), std::move(done));
    }
    internal::WhenReady(std::move(call), CallEvent::kEnd,
                        [done = std::move(done)](ClientCall& ended) mutable {
                          done(ended.status());
                        });
  });
}

}  // namespace internal::async_steps

// The parts of the streams with callbacks.
namespace async_parts {

template <typename Reply>
class Reader : public AsyncClientStreamBase {
 public:
  using AsyncClientStreamBase::AsyncClientStreamBase;

  // Calls `done` with the next reply, or with nullopt after the last one.
  void Read(absl::AnyInvocable<void(std::optional<Reply>)> done) {
    internal::async_steps::Read<Reply>(call(), std::move(done));
  }
};

template <typename Request, typename Base>
class Writer : public Base {
 public:
  using Base::Base;

  // Calls `done` with true when `request` has been taken over and the next one
  // may be written; with false if the call has ended, or after the half-close
  // (WriteLast(), WritesDone(), Finish()).
  void Write(Request request, absl::AnyInvocable<void(bool)> done) {
    this->Send(std::move(request), false, std::move(done));
  }
  // The same for the last request, in one frame with the half-close.
  void WriteLast(Request request, absl::AnyInvocable<void(bool)> done) {
    this->Send(std::move(request), true, std::move(done));
  }
  // Half-closes: no requests follow, except that of a pending Write().
  void WritesDone() { this->HalfClose(); }
};

}  // namespace async_parts

// The replies of a server-streaming call.
template <typename Reply>
class AsyncClientReader final : public async_parts::Reader<Reply> {
 public:
  using async_parts::Reader<Reply>::Reader;

  // Calls `done` with the call's status when it has ended. Drops the replies
  // that were not read. If the server does not end the stream, call Cancel()
  // first.
  void Finish(absl::AnyInvocable<void(absl::Status)> done) {
    internal::async_steps::Finish<Reply>(this->call(), std::move(done));
  }
};

// The requests of a client-streaming call, and its reply.
template <typename Request, typename Reply>
class AsyncClientWriter final
    : public async_parts::Writer<Request, AsyncClientStreamBase> {
 public:
  using async_parts::Writer<Request, AsyncClientStreamBase>::Writer;

  // Half-closes, if necessary, and calls `done` with the reply or the error
  // when the call has ended. Call it once.
  void Finish(absl::AnyInvocable<void(absl::StatusOr<Reply>)> done) {
    this->WritesDone();
    internal::WhenReady(this->call(), CallEvent::kEnd,
                        [done = std::move(done)](ClientCall& ended) mutable {
                          done(internal::TakeReply<Reply>(ended));
                        });
  }
};

// The requests and replies of a bidirectional call.
template <typename Request, typename Reply>
class AsyncClientStream final
    : public async_parts::Writer<Request, async_parts::Reader<Reply>> {
 public:
  using async_parts::Writer<Request, async_parts::Reader<Reply>>::Writer;

  // As in AsyncClientReader. Half-closes, if necessary.
  void Finish(absl::AnyInvocable<void(absl::Status)> done) {
    this->WritesDone();
    internal::async_steps::Finish<Reply>(this->call(), std::move(done));
  }
};

}  // namespace fdrpc

#endif  // FDRPC_ASYNC_CLIENT_STREAM_H_
