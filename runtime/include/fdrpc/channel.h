#ifndef FDRPC_CHANNEL_H_
#define FDRPC_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/caller.h"
#include "fdrpc/channel_state.h"
#include "fdrpc/channel_statistics.h"
#include "fdrpc/client_interceptor.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/loop.h"
#include "fdrpc/rings.h"
#include "fdrpc/service_offer.h"
#include "fdrpc/timeout.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

class ChannelBase;
class LoopCore;
class Transport;

// Options of a channel. A limit below what the protocol guarantees
// (docs/protocol.md: 64 KiB and 16 descriptors for a message) counts as that.
struct ChannelOptions {
  // Whether each call is one datagram each way, without a connection, for an
  // address of the scheme "unix-dgram:". The server keeps nothing between
  // calls, and may be another one each time. Only unary and one-way calls, with
  // requests and replies that fit into 64 KiB and have at most 252 descriptors.
  // A server that ends with a call on it is not noticed: give calls a timeout.
  // docs/guide/datagrams.md has the rest.
  bool connectionless = false;
  // The largest reply that is accepted, in bytes of the serialised message; a
  // larger one fails its call with RESOURCE_EXHAUSTED.
  uint32_t max_reply_bytes = 64u << 20;
  // The most descriptors that are accepted with one reply.
  uint32_t max_reply_descriptors = 1024;
  // The most metadata that is accepted as headers or trailers, in bytes of
  // keys, values and 5 for each entry. More fails the call with
  // RESOURCE_EXHAUSTED. At most 64 KiB, which is the protocol's limit.
  size_t max_metadata_bytes = 64u << 10;
  // How much may wait to be written on the connection, in bytes and
  // descriptors, while the server does not read. Further calls and messages
  // wait. At least 64 KiB. Messages of more than 672 KiB count separately:
  // there are at most four, and smaller ones pass further ones.
  size_t max_queued_bytes = 1u << 20;
  size_t max_queued_descriptors = 128;
  // How much a server may send of a stream of replies before they are read, in
  // bytes and descriptors. A stream holds at most this and one reply.
  uint32_t stream_window_bytes = 256u << 10;
  uint32_t stream_window_descriptors = 256;
  // Keep-alive, against servers that hang: if nothing has come from the server
  // for this interval while calls are in progress, the channel sends a ping.
  // Without an answer within the timeout, the connection and its calls end with
  // UNAVAILABLE. At least 10 ms each. (A server that dies closes its socket,
  // which needs no keep-alive.)
  Timeout keepalive_interval = absl::InfiniteDuration();
  Timeout keepalive_timeout = absl::Seconds(20);
  // How long a thread that waits for a server that has been quick to answer
  // polls before it sleeps: being woken takes tens of microseconds, and polling
  // sees the answer in a few. It polls only while calls come so densely that
  // this pays, and while polling is what sees the answers, which it is not on a
  // busy machine; never if the thread may use only one CPU. Zero: it always
  // sleeps.
  Timeout max_busy_poll = absl::Microseconds(50);
  // When its connections use rings in shared memory, and the size of the ring
  // for what the channel sends: a power of two from 16 KiB to 4 MiB, to which
  // other sizes are rounded up. The memory is allocated while it is used.
  Rings rings = Rings::kAutomatic;
  uint32_t ring_bytes = 256u << 10;
  // Where callbacks and coroutines of this channel run. None: on the process's
  // own loop, whose thread the first asynchronous call starts.
  std::optional<Loop> loop = std::nullopt;
  // They see each call before it is made; the first one sees it first, and its
  // results last.
  std::vector<std::shared_ptr<ClientInterceptor>> interceptors = {};
  // Services that the server may call while a connection of this channel lasts
  // (fdrpc/offered_services.h): by fdrpc::ChannelToClient() in its handlers.
  // Every connection has a pair of sockets for that. Null: nobody can call this
  // process through the channel.
  std::shared_ptr<ServiceOffer> offer = nullptr;
};

// A connection to a server that reconnects by itself: the first call makes it,
// and the first call after a loss makes it again. Connecting to a local socket
// takes microseconds, so there is no back-off for calls that do not wait.
//
// A process that makes only blocking calls starts no thread: the calling
// threads read the replies, for each other if several wait.
//
// Copies are handles to the same connection, which closes when the last handle,
// stub and call are gone. In a child made by fork(2), calls fail with
// FAILED_PRECONDITION: make a new channel there.
//
// Threads: safe; any number of threads may call through one channel.
class FDRPC_API Channel {
 public:
  using Options = ChannelOptions;

  // Does not block, and the server need not run yet. INVALID_ARGUMENT if
  // `address` is malformed (docs/guide/addresses.md), FAILED_PRECONDITION if
  // the loop was inherited through fork(2).
  static absl::StatusOr<Channel> Connect(std::string_view address,
                                         ChannelOptions options = {});

  // Makes a channel of a connected Unix-domain stream or seqpacket socket, such
  // as one socket of a socketpair(2). The channel cannot reconnect: after the
  // connection has ended, calls fail with FAILED_PRECONDITION. With a socket of
  // a datagram pair, the channel is connectionless. INVALID_ARGUMENT for other
  // descriptors. Connect("fd:7") does this with an inherited one.
  static absl::StatusOr<Channel> FromSocket(UniqueFd socket,
                                            ChannelOptions options = {});

  // The last known state: the end of a connection is noticed by calls on it, by
  // the next call, or by a watch. Of a connectionless channel: whether its last
  // call found a server.
  ChannelState state() const;

  // Whether its connection uses rings in shared memory at present.
  bool uses_rings() const;

  // Blocks until calls can be made: connects, repeatedly until `timeout` if
  // there is no server yet, and waits for the hello; starts no thread.
  // DEADLINE_EXCEEDED, with the last reason; errors such as PERMISSION_DENIED
  // at once.
  absl::Status WaitForReady(Timeout timeout) const;

  // Calls `on_change` with the present state, and then with every change, in
  // order, until the returned watch is destroyed. It is called on the thread of
  // the channel's loop, like callbacks, and never under a lock. A watched
  // channel notices the end of its connection at once. Watching does not
  // connect; calls and WaitForReady() do. RESOURCE_EXHAUSTED if the system
  // cannot make a loop. FAILED_PRECONDITION for a connectionless channel.
  absl::StatusOr<ChannelStateWatch> WatchState(
      absl::AnyInvocable<void(ChannelState)> on_change) const;

  // Any thread. In a child made by fork(2), all are 0.
  ChannelStatistics statistics() const;

  // For stubs: FileBroker::Stub broker(channel).
  operator std::shared_ptr<Caller>() const { return caller_; }  // NOLINT

 private:
  friend class ClientChannel;  // peer/client_channel.h
  friend class InProcessConnector;
  // FAILED_PRECONDITION if the loop is inherited from the parent,
  // INVALID_ARGUMENT if options contradict each other.
  static absl::Status CheckOptions(const ChannelOptions& options);
  static std::shared_ptr<LoopCore> LoopOf(const ChannelOptions& options);
  // A channel over the transports that `connector` makes
  // (client/channel_core.h).
  static Channel Over(
      std::function<absl::StatusOr<std::unique_ptr<Transport>>()> connector,
      const ChannelOptions& options);
  Channel(std::shared_ptr<ChannelBase> core, const ChannelOptions& options);

  std::shared_ptr<Caller> caller_;
  std::shared_ptr<ChannelBase> core_;
};

}  // namespace fdrpc

#endif  // FDRPC_CHANNEL_H_
