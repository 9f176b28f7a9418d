#ifndef FDRPC_GRPC_CHANNEL_H_
#define FDRPC_GRPC_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/caller.h"
#include "fdrpc/channel_state.h"
#include "fdrpc/client_interceptor.h"
#include "fdrpc/loop.h"
#include "fdrpc/timeout.h"

namespace fdrpc::grpc {

// Options of a channel. Those of connections, such as keep-alive and the limits
// of messages, are arguments of the gRPC channel.
struct ChannelOptions {
  // Where callbacks and coroutines of its calls run. None: on the process's own
  // loop.
  std::optional<Loop> loop = std::nullopt;
  // As those of an fdrpc::Channel: they see each call before it is made; the
  // first one sees it first, and its results last.
  std::vector<std::shared_ptr<ClientInterceptor>> interceptors = {};
};

// Lets fdrpc's stubs make calls over a channel of gRPC:
//
//   fdrpc::grpc::Channel channel(
//       ::grpc::CreateChannel("db.example.org:443", credentials));
//   FileBroker::Stub stub(channel);
//
// A request with a descriptor fails with FAILED_PRECONDITION. A one-way call
// ends with the server's reply. A stream reads ahead 256 KiB and one message,
// and what it has written may wait for the network: up to 64 KiB, and a
// message.
//
// Copies are handles to the same channel. Threads: safe, as fdrpc::Channel, but
// a blocking call must not be made on a thread of gRPC's callbacks.
class Channel {
 public:
  using Options = ChannelOptions;

  explicit Channel(std::shared_ptr<::grpc::Channel> channel,
                   ChannelOptions options = {});

  // The last known state.
  ChannelState state() const;
  // Blocks until calls can be made: connects, repeatedly until `timeout`.
  // DEADLINE_EXCEEDED if that was not possible.
  absl::Status WaitForReady(Timeout timeout) const;

  // For stubs.
  operator std::shared_ptr<Caller>() const { return caller_; }  // NOLINT

 private:
  class CallerOverGrpc;

  std::shared_ptr<::grpc::Channel> channel_;
  std::shared_ptr<CallerOverGrpc> core_;
  std::shared_ptr<Caller> caller_;
};

}  // namespace fdrpc::grpc

#endif  // FDRPC_GRPC_CHANNEL_H_
