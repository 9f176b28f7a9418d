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
#include "fdrpc/client_interceptor.h"
#include "fdrpc/loop.h"
#include "fdrpc/timeout.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

class ChannelCore;
class Transport;

// Limits below what the protocol guarantees (docs/protocol.md: 64 KiB and 16
// descriptors a message) count as that.
struct ChannelOptions {
  // The largest reply that is accepted, in bytes of the serialised message; a
  // larger one fails its call with RESOURCE_EXHAUSTED.
  uint32_t max_reply_bytes = 64u << 20;
  // The largest number of descriptors that is accepted with one reply.
  uint32_t max_reply_descriptors = 1024;
  // The most metadata that is accepted with headers or trailers, in bytes of
  // keys, values and 5 for each entry; more fails the call with
  // RESOURCE_EXHAUSTED. At most 64 KiB, which is the protocol's limit.
  size_t max_metadata_bytes = 64u << 10;
  // What may wait to be written on the connection, in bytes and descriptors,
  // while the server does not read: beyond it, further calls and messages wait.
  // At least 64 KiB. Messages of more than 672 KiB count apart: there are at
  // most four, and further ones wait while smaller ones go past them.
  size_t max_queued_bytes = 1u << 20;
  size_t max_queued_descriptors = 128;
  // What a server may send of a stream of replies before they are read, in
  // bytes and descriptors: it waits then. Memory for a stream is at most this
  // and one reply.
  uint32_t stream_window_bytes = 256u << 10;
  uint32_t stream_window_descriptors = 256;
  // Keep-alive, against servers that live but hang: after this time without
  // anything from the server, while calls are in progress, the channel asks it
  // for a sign of life; without one within the time-out, the connection and its
  // calls end with UNAVAILABLE. At least 10 ms each. (A server that dies needs
  // none of this: its socket closes.)
  Timeout keepalive_interval = absl::InfiniteDuration();
  Timeout keepalive_timeout = absl::Seconds(20);
  // For how long a thread that waits for a server that has been quick to answer
  // polls before it sleeps: to be woken takes tens of microseconds, and polling
  // sees the answer in few. It polls only while calls come so densely that it
  // pays and while that is what sees the answers come, which on a machine that
  // is busy with other things it is not; never where the thread may use one CPU
  // only. Zero: it always sleeps.
  Timeout max_busy_poll = absl::Microseconds(50);
  // Where callbacks and coroutines of this channel run; none: the process's own
  // loop, whose thread the first asynchronous call starts.
  std::optional<Loop> loop = std::nullopt;
  // See each call before it is made; the first sees it first, and what comes of
  // it last.
  std::vector<std::shared_ptr<ClientInterceptor>> interceptors = {};
};

// A connection to a server that comes back by itself: made by the first call
// that needs it, and again by the next call after it was lost. Connecting to a
// local socket takes microseconds, so there is no back-off for calls that do
// not wait.
//
// A process that makes only blocking calls starts no thread: the calling
// threads read the replies, for each other where several wait.
//
// Copies are handles to the same connection, which closes when the last handle,
// stub and call are gone. In a child after fork(2) calls fail with
// FAILED_PRECONDITION: make a new channel there.
//
// Threads: safe; any number of threads may call through one channel.
class Channel {
 public:
  // Does not block and does not need the server to run yet. INVALID_ARGUMENT if
  // `address` has not the form of an address (docs/guide/addresses.md),
  // FAILED_PRECONDITION if the loop was inherited through fork(2).
  static absl::StatusOr<Channel> Connect(std::string_view address,
                                         ChannelOptions options = {});

  // Makes a channel of a connected stream or seqpacket socket of the Unix
  // domain, such as one end of a socketpair(2). It has this one connection:
  // once that has ended, calls fail with FAILED_PRECONDITION. INVALID_ARGUMENT
  // if it is another socket. Connect("fd:7") does so with one that was
  // inherited.
  static absl::StatusOr<Channel> FromSocket(UniqueFd socket,
                                            ChannelOptions options = {});

  // As far as is known without a look: the end of a connection is noticed by
  // the calls on it, by the next call, or by a watch.
  ChannelState state() const;

  // Blocks until calls can be made: connects, again until `timeout` if the
  // server is not there yet, and waits for its hello; starts no thread.
  // DEADLINE_EXCEEDED, naming the last reason; PERMISSION_DENIED and the like
  // at once.
  absl::Status WaitForReady(Timeout timeout) const;

  // Has `on_change` called with the state as it is, and then with every change,
  // in order, until the watch that is returned goes. On the thread of the
  // channel's loop, as callbacks are, never under a lock. While it is watched,
  // the end of its connection is noticed when it comes. Watching connects
  // nothing: calls and WaitForReady() do. RESOURCE_EXHAUSTED if the system has
  // no loop.
  absl::StatusOr<ChannelStateWatch> WatchState(
      absl::AnyInvocable<void(ChannelState)> on_change) const;

  // What stubs call through: FileBroker::Stub broker(channel).
  operator std::shared_ptr<Caller>() const { return caller_; }  // NOLINT

 private:
  friend class InProcessConnector;
  // FAILED_PRECONDITION if the loop is the parent's, before fork(2).
  static absl::Status CheckLoop(const ChannelOptions& options);
  // Over the transports that `connector` makes (client/channel_core.h).
  static Channel Over(
      std::function<absl::StatusOr<std::unique_ptr<Transport>>()> connector,
      const ChannelOptions& options);
  Channel(std::shared_ptr<Caller> caller, std::shared_ptr<ChannelCore> core)
      : caller_(std::move(caller)), core_(std::move(core)) {}

  std::shared_ptr<Caller> caller_;
  std::shared_ptr<ChannelCore> core_;
};

}  // namespace fdrpc

#endif  // FDRPC_CHANNEL_H_
