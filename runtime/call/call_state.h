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

// One side of one call, the client's or the server's: how far the call and each
// of its directions have got (docs/protocol.md, "States"), what has arrived,
// and who waits. It is told what happens, and says what follows: what may be
// queued (next()), which waits have ended (TakeEndedWait()), what is to be
// granted or dropped. It sends nothing and wakes nobody; of the message that
// waits to be sent it knows the size, not the frames.
//
// Guarded by a lock of its owner's, but for what says otherwise.
class CallState {
 public:
  enum class Phase : uint8_t {
    kWaiting,  // a client's: the open frame is to be sent, perhaps once more
    kOpen,
    kEnding,  // a server's: the user has ended it, the status is to be sent
    kEnded,
  };
  // The messages that this side sends.
  enum class Sending : uint8_t {
    kOpen,
    kHalfClosing,  // the user sends no more, which the peer is to be told
    kHalfClosed,   // it is told, or with the message that waits, or by the end
  };
  // Those that the peer sends.
  enum class Receiving : uint8_t {
    kOpen,
    kStopped,     // the user waits for no more of them
    kHalfClosed,  // no more come
    kDropped,  // the user wants none any more, of those that are here neither
  };
  // The initial metadata, which is the server's: it sends it, a client gets it.
  enum class Headers : uint8_t { kPending, kPassed };
  // What may be queued, as far as the call and its credit go.
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
  // Whether it has ended for the user.
  bool finished() const { return phase_ >= Phase::kEnding; }

  // ---- the call

  // The open frame is queued; the peer grants streams that much.
  void OnOpened(Credit initial);
  // The peer has not seen the open frame, which is to be sent once more. Only
  // if nothing was behind it.
  void OnUnseen() { phase_ = Phase::kWaiting; }
  bool sent_behind_open() const { return sent_behind_open_; }

  // The user ends it, with a status that goes behind the message that waits,
  // and is to Drop() what has arrived. False if it has ended for the user.
  bool Finish();
  // It has ended, whoever says so. False if it had before.
  bool End();

  // ---- what this side sends

  // Whether no message waits. The one who sends may ask without the lock.
  bool has_room() const { return has_room_.load(std::memory_order_acquire); }
  // Whether the user may send messages.
  bool sends() const { return !finished() && sending_ == Sending::kOpen; }
  // A message of that size is to be sent, which waits until next() is kMessage;
  // `last`: with a half-close. Only if sends() and has_room().
  void Send(size_t bytes, size_t descriptors, bool last);
  // The user sends no more. False if it could not anyway.
  bool HalfClose();
  // Of the message that waits.
  size_t waiting_bytes() const { return waiting_bytes_; }
  size_t waiting_descriptors() const { return waiting_descriptors_; }

  Next next() const;
  // What next() says has been queued.
  void OnQueued(Next what);
  // False if the peer grants more than makes sense.
  bool OnCredit(Credit credit) { return ended() || send_credit_.Grant(credit); }
  // The initial metadata goes now, in a frame of its own or with another. False
  // if it has gone.
  bool SendHeaders() {
    return std::exchange(headers_, Headers::kPassed) == Headers::kPending;
  }

  // ---- what the peer sends

  // Whether the next piece of a message is kept.
  bool receives() const {
    return receiving_ <= Receiving::kStopped &&
           (inbox_.streams() || !inbox_.received_any());
  }
  // A piece of a message, as MessageInbox::Append() takes it; a half-close, as
  // Close(). INVALID_ARGUMENT if the peer broke the protocol; what makes the
  // call impossible, received() says.
  absl::Status OnPiece(std::string_view piece,
                       std::vector<UniqueFd> descriptors, bool truncated,
                       bool more, PayloadBuffer buffer);
  absl::Status OnHalfClose(std::string_view how);
  const absl::Status& received() const { return inbox_.status(); }
  // The initial metadata. False if it came before, or a message did.
  bool OnHeaders();
  // Whether a request is incomplete (docs/protocol.md, "Handshake").
  bool incomplete() const;

  // Moves the oldest message out; false if the user gets none. `grant` is what
  // the peer is to be granted for it.
  bool Take(ReceivedMessage& message, Credit& grant);
  // The single message, which is here; also if the call has ended since.
  ReceivedMessage TakeSingle();
  // The one who takes may ask without the lock.
  bool has_message() const { return inbox_.has_message(); }
  // The user waits for no more messages, but takes what comes.
  void StopReceiving();
  // The user wants nothing any more. Returns what a stream has, to be destroyed
  // where that may block.
  std::vector<ReceivedMessage> Drop();

  // ---- waits

  // Whether what is waited for has come; it has when the call has ended.
  bool Ready(CallEvent event) const;
  CallWaits& waits() { return waits_; }
  // Takes out a wait whose event has come, to be told; none if there is none.
  CallWait TakeEndedWait();

 private:
  const Side side_;
  Phase phase_;
  Sending sending_;
  Receiving receiving_ = Receiving::kOpen;
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
