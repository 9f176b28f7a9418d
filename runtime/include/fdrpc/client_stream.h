#ifndef FDRPC_CLIENT_STREAM_H_
#define FDRPC_CLIENT_STREAM_H_

// The streams of a client that blocks.

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/client_call.h"
#include "fdrpc/internal/message_stream.h"
#include "fdrpc/internal/take_reply.h"
#include "fdrpc/metadata.h"
#include "fdrpc/write_options.h"

namespace fdrpc {

// The common part of a client's streams of every kind and form. Owns the call:
// destroying the stream before its call has ended cancels the call.
class ClientStreamBase {
 public:
  explicit ClientStreamBase(std::shared_ptr<ClientCall> call)
      : call_(std::move(call)) {}
  ClientStreamBase(ClientStreamBase&&) = default;
  ClientStreamBase& operator=(ClientStreamBase&& other) {
    Cancel();
    call_ = std::move(other.call_);
    return *this;
  }
  ~ClientStreamBase() { Cancel(); }

  // Ends the call with CANCELLED, if it has not ended. From any thread.
  void Cancel() {
    if (call_ != nullptr) {
      call_->Abort(absl::CancelledError("the caller cancelled the call"));
    }
  }

  // The server's trailing metadata, after the call has ended; borrowed from the
  // stream.
  const Metadata& trailers() { return call_->trailers(); }

 protected:
  ClientCall& call() { return *call_; }
  // For a wait that may outlive the stream.
  const std::shared_ptr<ClientCall>& shared_call() { return call_; }

 private:
  std::shared_ptr<ClientCall> call_;
};

// The parts of the blocking streams.
namespace blocking_parts {

class Headers : public ClientStreamBase {
 public:
  using ClientStreamBase::ClientStreamBase;

  // Blocks until the server's initial metadata has arrived, which is before the
  // first reply; empty if the call ended without. Borrowed from the stream.
  const Metadata& headers() {
    call().Await(CallEvent::kHeaders);
    return call().headers();
  }
};

template <typename Reply>
class Reader : public Headers {
 public:
  using Headers::Headers;

  // Blocks until the next reply has arrived; nullopt if there are no more.
  std::optional<Reply> Read() {
    call().Await(CallEvent::kMessage);
    return internal::TakeMessage<Reply>(call());
  }
  // The same into `reply`, whose memory is reused. False: no more.
  bool Read(Reply& reply) {
    call().Await(CallEvent::kMessage);
    return call().Take(reply);
  }

 protected:
  absl::Status DropRest() {
    Reply dropped;
    while (Read(dropped)) {
    }
    call().Await(CallEvent::kEnd);
    return call().status();
  }
};

template <typename Request, typename Base>
class Writer : public Base {
 public:
  using Base::Base;

  // Takes `request` over to be sent; blocks while the server does not read.
  // False if the call has ended, which Finish() explains: a moment after the
  // server's status or death, and from the deadline on. Also false after the
  // half-close (WriteLast(), WritesDone(), Finish()): then `request` is
  // dropped, and the call continues.
  bool Write(internal::SentMessage<Request> request,
             WriteOptions options = {}) {
    return Send(request, false, options);
  }
  // The same for the last request, in one frame with the half-close.
  bool WriteLast(internal::SentMessage<Request> request) {
    return Send(request, true, {});
  }
  // Half-closes: no more requests follow.
  void WritesDone() { this->call().HalfClose(); }

 private:
  template <typename Message>
  bool Send(Message& request, bool last, WriteOptions options) {
    this->call().Await(CallEvent::kRoom);
    OutgoingMessage message(request);
    message.may_linger = options.may_linger;
    return this->call().Send(message, last);
  }
};

}  // namespace blocking_parts

// The replies of a server-streaming call:
//
//   fdrpc::ClientReader<WatchEvent> events = broker.Watch(request);
//   while (std::optional<WatchEvent> event = events.Read()) { … }
//   absl::Status status = events.Finish();
//
// Threads: one at a time; Cancel() from any.
template <typename Reply>
class ClientReader final : public blocking_parts::Reader<Reply> {
 public:
  using blocking_parts::Reader<Reply>::Reader;

  // Blocks until the call has ended, and returns its status. Drops the replies
  // that were not read. If the server does not end the stream, call Cancel()
  // first.
  absl::Status Finish() { return this->DropRest(); }
};

// The requests of a client-streaming call, and its reply:
//
//   fdrpc::ClientWriter<Chunk, Summary> upload = store.Upload();
//   for (const Chunk& chunk : chunks) {
//     if (!upload.Write(chunk)) break;  // Finish() returns the reason
//   }
//   absl::StatusOr<Summary> summary = upload.Finish();
//
// Threads: one at a time; Cancel() from any.
template <typename Request, typename Reply>
class ClientWriter final
    : public blocking_parts::Writer<Request, blocking_parts::Headers> {
 public:
  using blocking_parts::Writer<Request, blocking_parts::Headers>::Writer;

  // Half-closes, if necessary, and blocks until the call has ended. Returns its
  // reply, or the error. Call it once.
  absl::StatusOr<Reply> Finish() {
    this->WritesDone();
    this->call().Await(CallEvent::kEnd);
    return internal::TakeReply<Reply>(this->call());
  }
};

// The requests and replies of a bidirectional call, in an order that the two
// sides agree on.
//
// Threads: one thread may write (Write(), WriteLast(), WritesDone()) while
// another reads; Cancel() from any.
template <typename Request, typename Reply>
class ClientStream final
    : public blocking_parts::Writer<Request, blocking_parts::Reader<Reply>> {
 public:
  using blocking_parts::Writer<Request, blocking_parts::Reader<Reply>>::Writer;

  // Half-closes, if necessary, and blocks until the call has ended. Drops the
  // replies that were not read.
  absl::Status Finish() {
    this->WritesDone();
    return this->DropRest();
  }
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_STREAM_H_
