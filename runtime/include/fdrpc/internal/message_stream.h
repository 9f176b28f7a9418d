#ifndef FDRPC_INTERNAL_MESSAGE_STREAM_H_
#define FDRPC_INTERNAL_MESSAGE_STREAM_H_

// The common part of the streams of clients and servers, in their three forms:
// blocking, with callbacks, and for coroutines.

#include <coroutine>
#include <iosfwd>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "fdrpc/call.h"
#include "fdrpc/internal/call_message.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/internal/handler_exceptions.h"
#include "fdrpc/parcel.h"

namespace fdrpc::internal {

// How a message to send is passed: parcels by value, because the caller gives
// their descriptors away.
template <typename Message>
using SentMessage =
    std::conditional_t<kIsParcel<Message>, Message, const Message&>;

template <typename Message>
std::optional<Message> TakeMessage(Call& call) {
  std::optional<Message> message(std::in_place);
  if (!call.Take(*message)) message.reset();
  return message;
}

// What GoogleTest prints of a stream of that class.
FDRPC_API void PrintStream(const char* name, std::ostream* to);

// Waits for an event of a call in a coroutine. Keeps the call, whose stream may
// be destroyed meanwhile. Its destructor ends the wait.
class EventAwaiter : private Continuation {
 public:
  EventAwaiter(std::shared_ptr<Call> call, CallEvent event)
      : call_(std::move(call)), event_(event) {}
  // Only before it is awaited.
  EventAwaiter(EventAwaiter&& other) noexcept
      : call_(std::move(other.call_)), event_(other.event_) {}
  ~EventAwaiter() {
    if (waiting_) call_->Forget(*this);
  }

  bool await_ready() { return call_->Ready(event_); }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    waiting_ = true;
    // Last, because this object may be destroyed by now.
    call_->Notify(event_, *this);
  }

 protected:
  Call& call() { return *call_; }

 private:
  void Run() final {
    waiting_ = false;
    waiter_.resume();
  }

  const std::shared_ptr<Call> call_;
  const CallEvent event_;
  std::coroutine_handle<> waiter_;
  bool waiting_ = false;
};

// For awaiters whose call outlives them anyway.
inline std::shared_ptr<Call> Borrowed(Call& call) {
  return {std::shared_ptr<void>(), &call};
}

// co_await: the next message, or nullopt if there are no more.
template <typename Message>
class ReadAwaiter final : public EventAwaiter {
 public:
  explicit ReadAwaiter(std::shared_ptr<Call> call)
      : EventAwaiter(std::move(call), CallEvent::kMessage) {}
  std::optional<Message> await_resume() {
    return TakeMessage<Message>(this->call());
  }
};

// co_await: whether the message was taken over to be sent. Holds the message
// until then.
template <typename Message>
class WriteAwaiter final : public EventAwaiter {
 public:
  WriteAwaiter(std::shared_ptr<Call> call, SentMessage<Message> message,
               bool last)
      : EventAwaiter(std::move(call), CallEvent::kRoom),
        message_(std::forward<SentMessage<Message>>(message)),
        last_(last) {}
  bool await_resume() { return this->call().Send(message_, last_); }

 private:
  SentMessage<Message> message_;  // a reference, or a parcel
  const bool last_;
};

// Runs `callback(call)` when `event` is ready, and then destroys itself; keeps
// the call until then. CallPointer is a shared pointer, or a handle that acts
// like one.
template <typename CallPointer, typename Callback>
class CallbackContinuation final : private Continuation {
 public:
  static void Start(CallPointer call, CallEvent event, Callback callback) {
    auto* self = new CallbackContinuation(std::move(call), std::move(callback));
    // Owns itself from here on, since it may run at once.
    self->call_->Notify(event, *self);
  }

 private:
  CallbackContinuation(CallPointer call, Callback callback)
      : call_(std::move(call)), callback_(std::move(callback)) {}
  ~CallbackContinuation() = default;

  void Run() override {
    const std::unique_ptr<CallbackContinuation, Delete> self(this);
    std::move(callback_)(*call_);
  }
  struct Delete {
    void operator()(CallbackContinuation* self) const { delete self; }
  };

  CallPointer call_;
  Callback callback_;
};

template <typename CallPointer, typename Callback>
void WhenReady(CallPointer call, CallEvent event, Callback callback) {
  CallbackContinuation<CallPointer, Callback>::Start(std::move(call), event,
                                                     std::move(callback));
}

// The steps of streams with callbacks.
namespace async_steps {

// Calls a callback of a client.
struct PlainCaller {
  template <typename Done, typename Result>
  void operator()(Call&, Done& done, Result result) const {
    done(std::move(result));
  }
};
// Calls a callback of a handler: it may throw, like the handler.
struct HandlerCaller {
  template <typename Done, typename Result>
  void operator()(Call& call, Done& done, Result result) const {
    CallHandler([&] { done(std::move(result)); },
                [&](const absl::Status& threw) { call.Abort(threw); });
  }
};

template <typename Message, typename Caller = PlainCaller, typename CallPointer>
void Read(CallPointer call,
          absl::AnyInvocable<void(std::optional<Message>)> done) {
  WhenReady(std::move(call), CallEvent::kMessage,
            [done = std::move(done)](Call& ready) mutable {
              Caller()(ready, done, TakeMessage<Message>(ready));
            });
}

// `done` may be move-only; it is called while the pointer still keeps the call.
template <typename Caller = PlainCaller, typename Message, typename CallPointer,
          typename Done>
void Write(CallPointer call, Message message, bool last, Done done) {
  WhenReady(std::move(call), CallEvent::kRoom,
            [message = std::move(message), last,
             done = std::move(done)](Call& ready) mutable {
              MovedMessage<Message> moved(message);
              Caller()(ready, done, ready.Send(moved.outgoing(), last));
            });
}

}  // namespace async_steps

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_MESSAGE_STREAM_H_
