#ifndef FDRPC_CO_CLIENT_STREAM_H_
#define FDRPC_CO_CLIENT_STREAM_H_

// Calls and streams for a client's coroutines. The results of the functions are
// for co_await, in a coroutine of any type. The coroutine continues where it is
// if there is nothing to wait for, otherwise on the channel's loop
// (ChannelOptions::loop). Destroying a coroutine that waits ends the call and
// leaks nothing; it must not run on another thread meanwhile.

#include <coroutine>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/client_call.h"
#include "fdrpc/client_stream.h"
#include "fdrpc/internal/message_stream.h"
#include "fdrpc/internal/take_reply.h"
#include "fdrpc/metadata.h"

namespace fdrpc {

// Waits for an event of a client's call in a coroutine.
class ClientEventAwaiter : public internal::EventAwaiter {
 protected:
  ClientEventAwaiter(std::shared_ptr<ClientCall> call, CallEvent event)
      : internal::EventAwaiter(std::move(call), event) {}
  ClientCall& call() {
    return static_cast<ClientCall&>(internal::EventAwaiter::call());
  }
};

// A unary call that has started: co_await returns its reply. Destroying it
// before that cancels the call.
template <typename Reply>
class [[nodiscard]] CoReply final : public ClientStreamBase {
 public:
  using ClientStreamBase::ClientStreamBase;

  class Awaiter final : public ClientEventAwaiter {
   public:
    explicit Awaiter(std::shared_ptr<ClientCall> call)
        : ClientEventAwaiter(std::move(call), CallEvent::kEnd) {}
    absl::StatusOr<Reply> await_resume() {
      return internal::TakeReply<Reply>(call());
    }
  };
  Awaiter operator co_await() { return Awaiter(shared_call()); }
};

// A one-way call that has started: co_await returns OK once its request has
// been written to the socket, otherwise the error. Destroying it before that
// withdraws what has not been written.
class [[nodiscard]] CoOneWay final : public ClientStreamBase {
 public:
  using ClientStreamBase::ClientStreamBase;

  class Awaiter final : public ClientEventAwaiter {
   public:
    explicit Awaiter(std::shared_ptr<ClientCall> call)
        : ClientEventAwaiter(std::move(call), CallEvent::kEnd) {}
    absl::Status await_resume() { return call().status(); }
  };
  Awaiter operator co_await() { return Awaiter(shared_call()); }
};

// co_await: the server's initial metadata, borrowed from the stream.
class HeadersAwaiter final : public ClientEventAwaiter {
 public:
  explicit HeadersAwaiter(std::shared_ptr<ClientCall> call)
      : ClientEventAwaiter(std::move(call), CallEvent::kHeaders) {}
  const Metadata& await_resume() { return call().headers(); }
};

// co_await: the call's status. Drops the replies that were not read.
template <typename Reply>
class FinishAwaiter final : private Continuation {
 public:
  explicit FinishAwaiter(std::shared_ptr<ClientCall> call)
      : call_(std::move(call)) {}
  // Only before it is awaited.
  FinishAwaiter(FinishAwaiter&& other) noexcept
      : call_(std::move(other.call_)) {}
  ~FinishAwaiter() {
    if (waiting_) call_->Forget(*this);
  }

  bool await_ready() { return Ended(); }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    Wait();
  }
  absl::Status await_resume() { return call_->status(); }

 private:
  void Wait() {
    waiting_ = true;
    // Last, because this object may be destroyed by now.
    call_->Notify(CallEvent::kMessage, *this);
  }
  void Run() override {
    waiting_ = false;
    if (Ended()) return waiter_.resume();
    Wait();
  }
  bool Ended() {
    Reply dropped;
    while (call_->Ready(CallEvent::kMessage)) {
      if (!call_->Take(dropped)) return true;
    }
    return false;
  }

  const std::shared_ptr<ClientCall> call_;
  std::coroutine_handle<> waiter_;
  bool waiting_ = false;
};

// The parts of the streams for coroutines.
namespace co_parts {

class Headers : public ClientStreamBase {
 public:
  using ClientStreamBase::ClientStreamBase;

  HeadersAwaiter headers() { return HeadersAwaiter(shared_call()); }
};

template <typename Reply>
class Reader : public Headers {
 public:
  using Headers::Headers;

  // std::optional<Reply>: nullopt if there are no more.
  internal::ReadAwaiter<Reply> Read() {
    return internal::ReadAwaiter<Reply>(shared_call());
  }
};

template <typename Request, typename Base>
class Writer : public Base {
 public:
  using Base::Base;

  // bool: true if the request was taken over; false if the call has ended, or
  // after the half-close (WriteLast(), WritesDone(), Finish()).
  internal::WriteAwaiter<Request> Write(
      internal::SentMessage<Request> request) {
    return {this->shared_call(),
            std::forward<internal::SentMessage<Request>>(request), false};
  }
  // The same for the last request, in one frame with the half-close.
  internal::WriteAwaiter<Request> WriteLast(
      internal::SentMessage<Request> request) {
    return {this->shared_call(),
            std::forward<internal::SentMessage<Request>>(request), true};
  }
  // Half-closes: no more requests follow.
  void WritesDone() { this->call().HalfClose(); }
};

}  // namespace co_parts

// The replies of a server-streaming call.
template <typename Reply>
class CoClientReader final : public co_parts::Reader<Reply> {
 public:
  using co_parts::Reader<Reply>::Reader;

  // absl::Status: the call's status. Drops the replies that were not read. If
  // the server does not end the stream, call Cancel() first.
  FinishAwaiter<Reply> Finish() {
    return FinishAwaiter<Reply>(this->shared_call());
  }
};

// The requests of a client-streaming call, and its reply.
template <typename Request, typename Reply>
class CoClientWriter final
    : public co_parts::Writer<Request, co_parts::Headers> {
 public:
  using co_parts::Writer<Request, co_parts::Headers>::Writer;

  // absl::StatusOr<Reply>. Half-closes, if necessary. Call it once.
  typename CoReply<Reply>::Awaiter Finish() {
    this->WritesDone();
    return typename CoReply<Reply>::Awaiter(this->shared_call());
  }
};

// The requests and replies of a bidirectional call. One coroutine may write
// while another reads.
template <typename Request, typename Reply>
class CoClientStream final
    : public co_parts::Writer<Request, co_parts::Reader<Reply>> {
 public:
  using co_parts::Writer<Request, co_parts::Reader<Reply>>::Writer;

  // As in CoClientReader. Half-closes, if necessary.
  FinishAwaiter<Reply> Finish() {
    this->WritesDone();
    return FinishAwaiter<Reply>(this->shared_call());
  }
};

}  // namespace fdrpc

#endif  // FDRPC_CO_CLIENT_STREAM_H_
