#ifndef FDRPC_CO_SERVER_STREAM_H_
#define FDRPC_CO_SERVER_STREAM_H_

// Streams for handlers that are coroutines. The runtime owns them; they are
// valid until the coroutine has ended. The results of the functions are for
// co_await. Once the call has ended (it is cancelled, its deadline has passed,
// or the client is gone), every wait ends and nothing is sent.

#include <utility>

#include "fdrpc/call.h"
#include "fdrpc/internal/message_stream.h"

namespace fdrpc {

// The requests of a client-streaming call.
template <typename Request>
class CoServerReader {
 public:
  explicit CoServerReader(Call& call) : call_(call) {}
  CoServerReader(const CoServerReader&) = delete;
  CoServerReader& operator=(const CoServerReader&) = delete;

  // std::optional<Request>: nullopt after the half-close or the end of the
  // call.
  internal::ReadAwaiter<Request> Read() {
    return internal::ReadAwaiter<Request>(internal::Borrowed(call_));
  }

 private:
  Call& call_;
};

// The replies of a server-streaming call.
template <typename Reply>
class CoServerWriter {
 public:
  explicit CoServerWriter(Call& call) : call_(call) {}
  CoServerWriter(const CoServerWriter&) = delete;
  CoServerWriter& operator=(const CoServerWriter&) = delete;

  // bool: true if the reply was taken over, false if the call has ended.
  internal::WriteAwaiter<Reply> Write(internal::SentMessage<Reply> reply) {
    return {internal::Borrowed(call_),
            std::forward<internal::SentMessage<Reply>>(reply), false};
  }

 private:
  Call& call_;
};

// The requests and replies of a bidirectional call. One coroutine may write
// while another reads.
template <typename Request, typename Reply>
class CoServerStream {
 public:
  explicit CoServerStream(Call& call) : reader_(call), writer_(call) {}

  internal::ReadAwaiter<Request> Read() { return reader_.Read(); }
  internal::WriteAwaiter<Reply> Write(internal::SentMessage<Reply> reply) {
    return writer_.Write(std::forward<internal::SentMessage<Reply>>(reply));
  }

 private:
  CoServerReader<Request> reader_;
  CoServerWriter<Reply> writer_;
};

}  // namespace fdrpc

#endif  // FDRPC_CO_SERVER_STREAM_H_
