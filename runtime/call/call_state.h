#ifndef FDRPC_CALL_CALL_STATE_H_
#define FDRPC_CALL_CALL_STATE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/payload_buffer.h"
#include "call/call_waits.h"
#include "call/credit.h"
#include "call/message_assembler.h"
#include "call/message_inbox.h"
#include "fdrpc/call.h"
#include "fdrpc/unique_fd.h"
#include "wire/frame_rules.h"

namespace fdrpc {

// The state of one side of a call, the client's or the server's: the phase of
// the call and of each direction (docs/protocol.md, "States"), what has
// arrived, and the waits. It is told what happens, and says what must follow:
// what may be queued (next()), which waits have ended (TakeEndedWait()), what
// is to be granted or dropped. It sends nothing and wakes nobody. Of a message
// that waits to be sent it knows the size, not the frames.
//
// Guarded by its owner's lock, except where a comment says otherwise.
class CallState {
 public:
  enum class Phase : uint8_t {
    kWaiting,  // a client's: the open frame is to be sent, possibly again
    kOpen,
    kEnding,  // a server's: the user has ended it, the status is to be sent
    kEnded,
  };
  // The direction in which this side sends.
  enum class Sending : uint8_t {
    kOpen,
    kHalfClosing,  // the user has half-closed, which is to be sent
    kHalfClosed,  // it was sent, or goes with the waiting message or the status
  };
  // The direction in which the peer sends.
  enum class Receiving : uint8_t {
    kOpen,
    kStopped,     // the user waits for no more messages
    kHalfClosed,  // the peer sends no more
    kDropped,     // the user wants no more messages, nor those that are here
  };
  // The initial metadata, which the server sends.
  enum class Headers : uint8_t { kPending, kPassed };
  // What may be queued next, as far as the call and its credit allow.
  enum class Next : uint8_t { kNothing, kMessage, kHalfClose, kEnd };

  struct Terms {
    Side side = Side::kServer;
    bool sends_stream = false;
    Credit send_credit = {};  // of that stream, if it is known
    MessageLimits receive_limits = {};
    std::optional<Credit> receive_window = {};  // if it receives a stream
  };

  explicit CallState(const Terms& terms);
  CallState(const CallState&) = delete;
  CallState& operator=(const CallState&) = delete;

  Phase phase() const { return phase_; }
  Sending sending() const { return sending_; }
  Receiving receiving() const { return receiving_; }
  Headers headers() const { return headers_; }
  bool ended() const { return phase_ == Phase::kEnded; }
  // Whether the call has ended for the user.
  bool finished() const { return phase_ >= Phase::kEnding; }

  // ---- the call

  // The open frame is queued; the peer's initial credit for streams.
  void OnOpened(Credit initial);
  // The peer has not seen the open frame, which is to be sent again. Only if
  // nothing was sent after it.
  void OnUnseen() { phase_ = Phase::kWaiting; }
  bool sent_behind_open() const { return sent_behind_open_; }

  // The user ends the call, with a status that is sent after the waiting
  // message, and must Drop() what has arrived. False if it has ended for the
  // user.
  bool Finish();
  // The call has ended, on either side. False if it had ended before.
  bool End();

  // ---- what this side sends

  // Whether no message waits. The sending thread may ask without the lock.
  bool has_room() const { return has_room_.load(std::memory_order_acquire); }
  // Whether the user may send messages.
  bool sends() const { return !finished() && sending_ == Sending::kOpen; }
  // The user sends a message of that size, which waits until next() is
  // kMessage; `last`: with a half-close. Requires sends() and has_room().
  void Send(size_t bytes, size_t descriptors, bool last);
  // The user half-closes. False if it could not send anyway.
  bool HalfClose();
  // Of the waiting message.
  size_t waiting_bytes() const { return waiting_bytes_; }
  size_t waiting_descriptors() const { return waiting_descriptors_; }

  Next next() const;
  // What next() returned has been queued.
  void OnQueued(Next what);
  // False if the peer grants more than the protocol allows.
  bool OnCredit(Credit credit) { return ended() || send_credit_.Grant(credit); }
  // The initial metadata is sent now, in its own frame or with another. False
  // if it was sent before.
  bool SendHeaders() {
    return std::exchange(headers_, Headers::kPassed) == Headers::kPending;
  }

  // ---- what the peer sends

  // Whether the next piece of a message is kept.
  bool receives() const {
    return receiving_ <= Receiving::kStopped &&
           (inbox_.streams() || !inbox_.received_any());
  }
  // A piece of a message arrives, as for MessageInbox::Append(); or a
  // half-close, as for Close(). INVALID_ARGUMENT if the peer broke the
  // protocol; received() says what makes the call impossible.
  absl::Status OnPiece(std::string_view piece,
                       std::vector<UniqueFd>&& descriptors, bool truncated,
                       bool more, PayloadBuffer&& buffer);
  absl::Status OnHalfClose(std::string_view how);
  const absl::Status& received() const { return inbox_.status(); }
  // The initial metadata arrives. False if it came before, or a message did.
  bool OnHeaders();
  // Whether a request is incomplete (docs/protocol.md, "Handshake").
  bool incomplete() const;

  // Moves the oldest message out; false if there is none for the user. `grant`
  // is the credit to grant the peer for it.
  bool Take(ReceivedMessage& message, Credit& grant);
  // The single message, which has arrived; also if the call has ended since.
  ReceivedMessage TakeSingle();
  // The receiving thread may ask without the lock.
  bool has_message() const { return inbox_.has_message(); }
  // The user waits for no more messages, but takes those that arrive.
  void StopReceiving();
  // The user wants no more messages. Returns those of a stream, to be destroyed
  // where that may block.
  std::vector<ReceivedMessage> Drop();

  // ---- waits

  // Whether the event has occurred; always once the call has ended.
  bool Ready(CallEvent event) const;
  CallWaits& waits() { return waits_; }
  // Removes and returns a wait whose event has occurred; empty if there is
  // none.
  CallWait TakeEndedWait();

 private:
  const Side side_;
  Phase phase_;
  Sending sending_;
  Receiving receiving_ = Receiving::kOpen;
  // Also once receiving_ is kDropped: a message behind it is the peer's
  // mistake.
  bool peer_half_closed_ = false;
  Headers headers_ = Headers::kPending;
  bool sent_behind_open_ = false;
  std::atomic<bool> has_room_{true};
  size_t waiting_bytes_ = 0;
  size_t waiting_descriptors_ = 0;
  SendCredit send_credit_;
  MessageInbox inbox_;
  CallWaits waits_;
};

}  // namespace fdrpc

#endif  // FDRPC_CALL_CALL_STATE_H_
