#ifndef FDRPC_CLIENT_DATAGRAM_CHANNEL_H_
#define FDRPC_CLIENT_DATAGRAM_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/monotonic_time.h"
#include "client/channel_account.h"
#include "client/channel_base.h"
#include "client/channel_lock.h"
#include "client/datagram_reader.h"
#include "client/datagram_room.h"
#include "client/waiting_threads.h"
#include "connection/frame_builder.h"
#include "fdrpc/channel.h"
#include "loop/loop_core.h"
#include "os/ancillary.h"
#include "os/datagram_socket.h"
#include "os/random_numbers.h"

namespace fdrpc {

class DatagramClientCall;

// The implementation of a Channel without a connection: each call is a datagram
// to the server's address, and each answer is one to the socket of this
// channel (docs/protocol.md, "Calls in datagrams"). Owns the socket with its
// reader, and knows the calls that have not ended.
class DatagramChannel final : public ChannelBase,
                              private DatagramReader::Handler {
 public:
  // Makes the socket, whose answers have that key; called once, by the first
  // call.
  using SocketMaker =
      std::function<absl::StatusOr<DatagramSocket>(uint64_t key)>;

  // `loop`: null means the process's own, which is made when it is needed. Uses
  // `clock`, like the loop; it must outlive the channel.
  DatagramChannel(SocketMaker make_socket, const ChannelOptions& options,
                  std::shared_ptr<LoopCore> loop,
                  const Clock& clock = Clock::Real(),
                  ChannelTarget target = {});
  ~DatagramChannel() override;

  // Implementation of Caller.
  absl::Status CallUnary(const Method& method, OutgoingMessage request,
                         IncomingMessage reply,
                         const CallOptions& options) override;
  std::shared_ptr<ClientCall> StartCall(const Method& method,
                                        const OutgoingMessage* request,
                                        const CallOptions& options,
                                        CallForm form) override;

  // Implementation of ChannelBase.
  ChannelState state() override ABSL_LOCKS_EXCLUDED(channel_mutex);
  ChannelStatistics statistics() override ABSL_LOCKS_EXCLUDED(channel_mutex);
  absl::Status WaitForReady(absl::Duration timeout) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  absl::StatusOr<ChannelStateWatch> WatchState(
      absl::AnyInvocable<void(ChannelState)> on_change) override;

  // ---- for calls

  // Sends the call, or keeps it until there is room or a server. Ends it if it
  // cannot be sent, and a one-way call once it is. Releases the lock meanwhile.
  void Begin(DatagramClientCall& call, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The call has ended, with an answer or without: one that comes later is
  // dropped. Calls that have waited for it are sent.
  void Forget(DatagramClientCall& call, bool answered)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void SendMore(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // As in ConnectionReader.
  void WaitOnce(WaitingThread& thread, MonotonicTime deadline,
                ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void EndWait(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // What a call that was not sent has waited for, for people.
  std::string WhyNotSent() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

 private:
  absl::Status OpenSocket() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  absl::Status ReadWith(const std::shared_ptr<LoopCore>& loop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Whether an answer to another call would have a place in the socket's queue.
  bool WindowIsOpen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return calls_.size() < socket_->window();
  }
  void Keep(DatagramClientCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The call is about to be sent, or could not be.
  void Enter(DatagramClientCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void Leave(DatagramClientCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // What follows an attempt to send the call. False if it waits.
  bool OnTried(DatagramClientCall& call, OutgoingFrames frames,
               const IoResult& io, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Sends the calls that wait, in order, as far as there is room.
  void SendWaiting(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void SendWaiting(std::deque<DatagramClientCall*>& waiting, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The calls behind one that finds no server: those that do not wait for one
  // end, too.
  void EndImpatient(std::deque<DatagramClientCall*>& waiting,
                    const absl::Status& why, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // After EAGAIN.
  void WaitForRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void RetryAt(MonotonicTime at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Takes late answers, if there may be any, and nobody reads: they would take
  // the place of the next one. Releases the lock meanwhile.
  void ReadLate(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Implementation of DatagramReader::Handler: an answer to a call.
  void OnDatagram(std::string_view bytes, bool cut_off,
                  ReceivedDescriptors& set) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);

  // Implementation of LoopCore::Source and ChannelBase.
  std::optional<size_t> OnReady(Poller::Event event) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnWake() override ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnTime(MonotonicTime now, ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  MonotonicTime next_time() override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return retry_at_;
  }

  ChannelAccount account_;
  ChannelMutex mutex_;

  SocketMaker make_socket_ ABSL_GUARDED_BY(channel_mutex);
  // Made once; the socket is then used without the lock.
  std::optional<DatagramSocket> socket_;
  std::optional<DatagramReader> reader_;
  std::optional<DatagramRoom> room_;
  uint64_t key_ = 0;
  ChannelState state_ ABSL_GUARDED_BY(channel_mutex) = ChannelState::kIdle;

  RandomNumbers numbers_ ABSL_GUARDED_BY(channel_mutex);
  // Those that have been sent, or are being sent, by their numbers.
  absl::flat_hash_map<uint64_t, DatagramClientCall*> calls_
      ABSL_GUARDED_BY(channel_mutex);
  // Those that wait to be sent.
  std::deque<DatagramClientCall*> waiting_unary_ ABSL_GUARDED_BY(channel_mutex);
  std::deque<DatagramClientCall*> waiting_one_way_
      ABSL_GUARDED_BY(channel_mutex);
  bool sends_waiting_ ABSL_GUARDED_BY(channel_mutex) = false;
  // Until when answers may come to calls that have ended without one.
  MonotonicTime late_until_ ABSL_GUARDED_BY(channel_mutex) = MonotonicTime();
  // When calls that wait for a server, or that nothing else will wake, are
  // tried again.
  MonotonicTime retry_at_ ABSL_GUARDED_BY(channel_mutex) = kNoDeadline;
  // The errno with which the last attempt found no server.
  int no_server_ ABSL_GUARDED_BY(channel_mutex) = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_DATAGRAM_CHANNEL_H_
