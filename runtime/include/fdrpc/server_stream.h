#ifndef FDRPC_SERVER_STREAM_H_
#define FDRPC_SERVER_STREAM_H_

// The streams of a handler that blocks. The runtime owns them; they are valid
// until the handler returns. Once the call has ended (it is cancelled, its
// deadline has passed, or the client is gone), every wait returns and nothing
// is sent.

#include <iosfwd>
#include <optional>
#include <utility>

#include "fdrpc/call.h"
#include "fdrpc/internal/message_stream.h"
#include "fdrpc/write_options.h"

namespace fdrpc {

// The requests of a client-streaming call:
//
//   while (std::optional<Chunk> chunk = chunks.Read()) { … }
//
// Threads: one at a time.
template <typename Request>
class ServerReader {
 public:
  explicit ServerReader(Call& call) : call_(call) {}
  ServerReader(const ServerReader&) = delete;
  ServerReader& operator=(const ServerReader&) = delete;

  // Blocks until the next request has arrived; nullopt after the half-close or
  // the end of the call (ServerContext::IsCancelled).
  std::optional<Request> Read() {
    call_.Await(CallEvent::kMessage);
    return internal::TakeMessage<Request>(call_);
  }
  // The same into `request`, whose memory is reused. False: no more.
  bool Read(Request& request) {
    call_.Await(CallEvent::kMessage);
    return call_.Take(request);
  }

 private:
  Call& call_;
};

// The replies of a server-streaming call.
//
// Threads: one at a time.
template <typename Reply>
class ServerWriter {
 public:
  explicit ServerWriter(Call& call) : call_(call) {}
  ServerWriter(const ServerWriter&) = delete;
  ServerWriter& operator=(const ServerWriter&) = delete;

  // Takes `reply` over to be sent; blocks while the client does not read. False
  // if the call has ended: the handler need not continue.
  bool Write(internal::SentMessage<Reply> reply, WriteOptions options = {}) {
    call_.Await(CallEvent::kRoom);
    OutgoingMessage message(reply);
    message.may_linger = options.may_linger;
    return call_.Send(message, /*last=*/false);
  }

 private:
  Call& call_;
};

// The requests and replies of a bidirectional call.
//
// Threads: one thread may write while another reads.
template <typename Request, typename Reply>
class ServerStream {
 public:
  explicit ServerStream(Call& call) : reader_(call), writer_(call) {}

  std::optional<Request> Read() { return reader_.Read(); }
  bool Read(Request& request) { return reader_.Read(request); }
  bool Write(internal::SentMessage<Reply> reply, WriteOptions options = {}) {
    return writer_.Write(std::forward<internal::SentMessage<Reply>>(reply),
                         options);
  }

 private:
  ServerReader<Request> reader_;
  ServerWriter<Reply> writer_;
};

template <typename Request>
void PrintTo(const ServerReader<Request>&, std::ostream* to) {
  internal::PrintStream("ServerReader", to);
}
template <typename Reply>
void PrintTo(const ServerWriter<Reply>&, std::ostream* to) {
  internal::PrintStream("ServerWriter", to);
}
template <typename Request, typename Reply>
void PrintTo(const ServerStream<Request, Reply>&, std::ostream* to) {
  internal::PrintStream("ServerStream", to);
}

}  // namespace fdrpc

#endif  // FDRPC_SERVER_STREAM_H_
