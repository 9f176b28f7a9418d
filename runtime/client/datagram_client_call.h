#ifndef FDRPC_CLIENT_DATAGRAM_CLIENT_CALL_H_
#define FDRPC_CLIENT_DATAGRAM_CLIENT_CALL_H_

#include <cstdint>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/monotonic_time.h"
#include "client/channel_call_base.h"
#include "client/channel_lock.h"
#include "client/datagram_channel.h"
#include "client/pending_call.h"
#include "fdrpc/call_options.h"
#include "os/ancillary.h"
#include "transport/frame.h"

namespace fdrpc {

// A unary or one-way call of a DatagramChannel, until it has ended: by its
// answer, its deadline or a cancellation, of which the server is not told.
class DatagramClientCall final : public ChannelCallBase {
 public:
  // FAILED_PRECONDITION if the method has a stream.
  static absl::Status CheckMethod(const Method& method);

  DatagramClientCall(DatagramChannel& channel, const Method& method,
                     const CallOptions& options);
  ~DatagramClientCall() override;

  // Starts the call, once, with the options with which it was made. Does not
  // keep the request.
  void Start(const CallOptions& options, const OutgoingMessage& request)
      ABSL_LOCKS_EXCLUDED(channel_mutex);

  // ---- for the channel, with its lock

  PendingCall& pending() { return call_; }
  bool one_way() const { return call_.method.one_way; }
  bool waits_for_server() const { return waits_for_server_; }
  // Whether it is among those that wait to be sent.
  bool waits() const { return waits_; }
  void set_waits(bool waits) { waits_ = waits; }
  // Of the datagram with which it was sent, or is to be sent.
  uint64_t number() const { return number_; }
  void set_number(uint64_t number) { number_ = number; }
  // One attempt to send `frames`, with or without the lock.
  IoResult TrySend(const DatagramSocket& socket, uint64_t key,
                   OutgoingFrames& frames) const;
  // The server has answered with these frames, or more (`cut_off`).
  void OnAnswer(std::string_view frames, bool cut_off, ReceivedDescriptors& set,
                ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void End(absl::Status why, ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Implementation of Call.
  bool Ready(CallEvent event) override ABSL_LOCKS_EXCLUDED(channel_mutex);
  void Await(CallEvent event) override ABSL_LOCKS_EXCLUDED(channel_mutex);
  bool Send(OutgoingMessage message, bool last) override;

  // Implementation of ClientCall.
  void HalfClose() override {}

 private:
  // Implementation of ChannelCallBase.
  void Begin(ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  bool TakeReceived(ReceivedMessage& received, ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void EndAtDeadline(ChannelLock& lock) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  void OnFrame(IncomingFrame& frame, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The answer is not what the protocol allows.
  void EndBroken(std::string_view what, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Makes the datagram, but for its tag.
  absl::Status Prepare(const OutgoingMessage& request,
                       const Metadata& metadata);

  DatagramChannel& channel_;
  const bool waits_for_server_;
  bool waits_ = false;
  bool answered_ = false;
  uint64_t number_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_DATAGRAM_CLIENT_CALL_H_
