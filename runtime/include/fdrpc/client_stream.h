#ifndef FDRPC_CLIENT_STREAM_H_
#define FDRPC_CLIENT_STREAM_H_

// Streams as a client that blocks uses them.

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/caller.h"
#include "fdrpc/message_stream.h"
#include "fdrpc/metadata.h"

namespace fdrpc {

// What a client's streams of every kind and form have. Owns the call: a stream
// that goes before its call has ended cancels it.
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

  // The server's trailing metadata, once the call has ended; borrowed from the
  // stream.
  const Metadata& trailers() { return call_->trailers(); }

 protected:
  ClientCall& call() { return *call_; }
  const std::shared_ptr<ClientCall>& shared_call() { return call_; }

 private:
  std::shared_ptr<ClientCall> call_;
};

// The replies of a server-streaming call:
//
//   fdrpc::ClientReader<WatchEvent> events = broker.Watch(request);
//   while (std::optional<WatchEvent> event = events.Read()) { … }
//   absl::Status status = events.Finish();
//
// Threads: one at a time; Cancel() from any.
template <typename Reply>
class ClientReader final : public ClientStreamBase {
 public:
  using ClientStreamBase::ClientStreamBase;

  // Blocks until the next reply is here; none once there are no more.
  std::optional<Reply> Read() {
    call().Await(CallEvent::kMessage);
    return TakeMessage<Reply>(call());
  }
  // The same into `reply`, whose memory is used again. False: no more.
  bool Read(Reply& reply) {
    call().Await(CallEvent::kMessage);
    return call().Take(reply);
  }
  // Blocks until the server's initial metadata is here, which is before the
  // first reply; empty if the call ended without. Borrowed from the stream.
  const Metadata& headers() {
    call().Await(CallEvent::kHeaders);
    return call().headers();
  }
  // Blocks until the call has ended and says how. Replies that were not read
  // are dropped: a stream that the server does not end wants Cancel() first.
  absl::Status Finish() {
    Reply dropped;
    while (Read(dropped)) {
    }
    call().Await(CallEvent::kEnd);
    return call().status();
  }
};

// The requests of a client-streaming call, and its reply:
//
//   fdrpc::ClientWriter<Chunk, Summary> upload = store.Upload();
//   for (const Chunk& chunk : chunks) {
//     if (!upload.Write(chunk)) break;  // Finish() says why
//   }
//   absl::StatusOr<Summary> summary = upload.Finish();
//
// Threads: one at a time; Cancel() from any.
template <typename Request, typename Reply>
class ClientWriter final : public ClientStreamBase {
 public:
  using ClientStreamBase::ClientStreamBase;

  // Takes `request` over to be sent; blocks while the server does not read.
  // False if the call has ended, which Finish() explains.
  bool Write(SentMessage<Request> request) {
    call().Await(CallEvent::kRoom);
    return call().Send(request, /*last=*/false);
  }
  // The same with the last request, in one frame with the half-close.
  bool WriteLast(SentMessage<Request> request) {
    call().Await(CallEvent::kRoom);
    return call().Send(request, /*last=*/true);
  }
  const Metadata& headers() {
    call().Await(CallEvent::kHeaders);
    return call().headers();
  }
  // Says that no more requests come, if WriteLast() has not, and blocks until
  // the call has ended: its reply, or why there is none. Once.
  absl::StatusOr<Reply> Finish() {
    call().HalfClose();
    call().Await(CallEvent::kEnd);
    return TakeReply<Reply>(call());
  }
};

// The requests and replies of a bidirectional call, in whatever order the two
// sides agree on.
//
// Threads: one thread may write (Write(), WriteLast(), WritesDone()) while
// another reads; Cancel() from any.
template <typename Request, typename Reply>
class ClientStream final : public ClientStreamBase {
 public:
  using ClientStreamBase::ClientStreamBase;

  // As ClientWriter has them.
  bool Write(SentMessage<Request> request) {
    call().Await(CallEvent::kRoom);
    return call().Send(request, /*last=*/false);
  }
  bool WriteLast(SentMessage<Request> request) {
    call().Await(CallEvent::kRoom);
    return call().Send(request, /*last=*/true);
  }
  // Half-closes: no more requests come.
  void WritesDone() { call().HalfClose(); }

  // As ClientReader has them.
  std::optional<Reply> Read() {
    call().Await(CallEvent::kMessage);
    return TakeMessage<Reply>(call());
  }
  bool Read(Reply& reply) {
    call().Await(CallEvent::kMessage);
    return call().Take(reply);
  }
  const Metadata& headers() {
    call().Await(CallEvent::kHeaders);
    return call().headers();
  }
  // Half-closes, if that was not done, and blocks until the call has ended.
  // Replies that were not read are dropped.
  absl::Status Finish() {
    WritesDone();
    Reply dropped;
    while (Read(dropped)) {
    }
    call().Await(CallEvent::kEnd);
    return call().status();
  }
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_STREAM_H_
