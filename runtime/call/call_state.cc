#include "call/call_state.h"

#include <cassert>
#include <utility>

namespace fdrpc {
namespace {

absl::Status BehindHalfClose() {
  return absl::InvalidArgumentError("a message after the half-close");
}

}  // namespace

CallState::CallState(const Terms& terms)
    : side_(terms.side),
      phase_(side_ == Side::kClient ? Phase::kWaiting : Phase::kOpen),
      sending_(terms.sends_stream ? Sending::kOpen : Sending::kHalfClosed),
      send_credit_(terms.send_credit),
      inbox_(terms.receive_limits, terms.receive_window) {}

// The call.

void CallState::OnOpened(Credit initial) {
  assert(phase_ == Phase::kWaiting);
  phase_ = Phase::kOpen;
  send_credit_ = SendCredit(initial);
}

bool CallState::Finish() {
  assert(side_ == Side::kServer);
  if (finished()) return false;
  phase_ = Phase::kEnding;
  receiving_ = Receiving::kDropped;
  return true;
}

bool CallState::End() {
  if (ended()) return false;
  phase_ = Phase::kEnded;
  has_room_.store(true, std::memory_order_release);
  return true;
}

// What this side sends.

void CallState::Send(size_t bytes, size_t descriptors, bool last) {
  assert(sends() && has_room());
  waiting_bytes_ = bytes;
  waiting_descriptors_ = descriptors;
  has_room_.store(false, std::memory_order_relaxed);
  if (last) sending_ = Sending::kHalfClosed;
}

bool CallState::HalfClose() {
  if (!sends()) return false;
  sending_ = Sending::kHalfClosing;
  return true;
}

CallState::Next CallState::next() const {
  if (phase_ == Phase::kWaiting || ended()) return Next::kNothing;
  if (!has_room()) {
    return send_credit_.Allows(waiting_descriptors_) ? Next::kMessage
                                                     : Next::kNothing;
  }
  if (phase_ == Phase::kEnding) return Next::kEnd;
  return sending_ == Sending::kHalfClosing ? Next::kHalfClose : Next::kNothing;
}

void CallState::OnQueued(Next what) {
  assert(what == next() && what != Next::kNothing);
  sent_behind_open_ = true;
  if (what == Next::kMessage) {
    send_credit_.Spend(waiting_bytes_, waiting_descriptors_);
    has_room_.store(true, std::memory_order_release);
  } else if (what == Next::kHalfClose) {
    sending_ = Sending::kHalfClosed;
  } else {
    phase_ = Phase::kEnded;
  }
}

// What the peer sends.

absl::Status CallState::OnPiece(std::string_view piece,
                                std::vector<UniqueFd>&& descriptors,
                                bool truncated, bool more,
                                PayloadBuffer&& buffer) {
  if (peer_half_closed_) return BehindHalfClose();
  if (receiving_ == Receiving::kDropped) {
    ReceivedFds().Append(std::move(descriptors));
    return absl::OkStatus();
  }
  return inbox_.Append(piece, std::move(descriptors), truncated, more,
                       std::move(buffer));
}

absl::Status CallState::OnHalfClose(std::string_view how) {
  if (std::exchange(peer_half_closed_, true)) return BehindHalfClose();
  if (receiving_ == Receiving::kDropped) return absl::OkStatus();
  inbox_.Close(how);
  // An end with an error is not a half-close for the user.
  if (inbox_.status().ok()) receiving_ = Receiving::kHalfClosed;
  return absl::OkStatus();
}

bool CallState::OnHeaders() {
  if (inbox_.partial() || inbox_.received_any()) return false;
  return std::exchange(headers_, Headers::kPassed) == Headers::kPending;
}

bool CallState::incomplete() const {
  return receiving_ <= Receiving::kStopped &&
         (!inbox_.streams() || inbox_.partial());
}

bool CallState::Take(ReceivedMessage& message, Credit& grant) {
  if (receiving_ == Receiving::kDropped || !inbox_.has_message()) return false;
  grant = inbox_.Take(message);
  // A sender that has half-closed needs no credit.
  if (receiving_ == Receiving::kHalfClosed || ended()) grant = {};
  return true;
}

ReceivedMessage CallState::TakeSingle() {
  ReceivedMessage message;
  inbox_.Take(message);
  return message;
}

void CallState::StopReceiving() {
  if (receiving_ == Receiving::kOpen) receiving_ = Receiving::kStopped;
}

std::vector<ReceivedMessage> CallState::Drop() {
  receiving_ = Receiving::kDropped;
  return inbox_.TakeAll();
}

// Waits.

bool CallState::Ready(CallEvent event) const {
  if (finished()) return true;
  switch (event) {
    case CallEvent::kMessage:
      return receiving_ != Receiving::kOpen || inbox_.has_message();
    case CallEvent::kRoom:
      return has_room();
    case CallEvent::kHeaders:
      return side_ == Side::kClient &&
             (headers_ == Headers::kPassed || inbox_.received_any());
    case CallEvent::kEnd:
      return false;
  }
  return true;
}

CallWait CallState::TakeEndedWait() {
  if (waits_.empty()) return {};
  for (int i = 0; i < kCallEvents; ++i) {
    const auto event = static_cast<CallEvent>(i);
    if (!waits_.IsFree(event) && Ready(event)) return waits_.Take(event);
  }
  return {};
}

}  // namespace fdrpc
