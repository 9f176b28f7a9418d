// How a connection ends, by degrees, and which calls are then made again: a
// part of ClientConnection.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/client_connection.h"

namespace fdrpc {

void ClientConnection::RefuseNewCalls(const absl::Status& why,
                                      ChannelLock& lock) {
  usable_ = false;
  connectivity_->OnEnded(*this, why, lock);
  for (auto* queue : {&waiting_, &waiting_large_, &waiting_one_way_}) {
    for (PendingCall* call : std::exchange(*queue, {})) {
      EndUnsent(*call, why, lock);
      if (call->unsent) queue->push_back(call);
    }
  }
}

void ClientConnection::EndUnsent(PendingCall& call, const absl::Status& why,
                                 ChannelLock& lock) {
  call.unsent = MaySayWhy() && !call.MayBeMadeAgain();
  if (!call.unsent) FinishUnseen(call, true, why, lock);
}

void ClientConnection::FinishUnseen(PendingCall& call, bool unseen,
                                    const absl::Status& why,
                                    ChannelLock& lock) {
  if (!unseen || !call.MayBeMadeAgain()) return Finish(call, why, lock);
  Remove(call);
  call.connection = nullptr;
  call.id = 0;
  call.unsent = false;
  call.unseen_because = why;
  call.WakeThreads(lock);
  call.owner->OnUnseen(lock);
}

std::vector<PendingCall*> ClientConnection::AllCalls() const {
  std::vector<PendingCall*> calls;
  calls.reserve(calls_.size());
  for (const auto& [id, call] : calls_) calls.push_back(call);
  return calls;
}

absl::Status ClientConnection::OnGoAway(uint32_t last_call_id,
                                        std::string_view reason,
                                        ChannelLock& lock) {
  // Calls behind the former one have perhaps been made again.
  if (last_call_id > last_taken_id_) {
    return absl::InvalidArgumentError(
        "a go-away with a higher call id than one before it");
  }
  last_taken_id_ = last_call_id;
  const absl::Status why = absl::UnavailableError(
      reason.empty() ? "the server is shutting down" : std::string(reason));
  go_away_ = why;
  RefuseNewCalls(why, lock);
  EndUntaken(lock);
  return absl::OkStatus();
}

void ClientConnection::EndUntaken(ChannelLock& lock) {
  // Descriptors that were sent are gone: a call with such can't be made again.
  // But these may come back, and their calls end then, or with the connection.
  const bool may_come_back =
      !sending_ended_ && connection_.MayGiveBackDescriptors();
  for (PendingCall* call : AllCalls()) {
    if (call->unsent) {
      FinishUnseen(*call, true, go_away_, lock);
    } else if (call->id > last_taken_id_) {
      const bool unseen = call->open_descriptors == 0;
      if (unseen || !may_come_back) FinishUnseen(*call, unseen, go_away_, lock);
    } else if (call->method.one_way && sending_ended_) {
      Finish(*call, go_away_, lock);  // only a part was sent
    }
  }
}

void ClientConnection::OnUnsent(OutgoingFrame frame, const absl::Status& why) {
  const FrameHeader header = DecodeFrameHeader(frame.head.data());
  const auto type = static_cast<FrameType>(header.type);
  if (type == FrameType::kCancel || type == FrameType::kCredit) return;
  ChannelLock lock(mutex_);
  auto it = calls_.find(frame.call_id);
  if (it == calls_.end()) return;
  PendingCall& call = *it->second;
  if (!connection_.sends()) {
    usable_ = false;
    TakeBack(call, std::move(frame), header, WithReason(why), lock);
  } else if (type == FrameType::kOpen) {
    Finish(call, why, lock);
    Admit(lock);
  } else {
    Abandon(call, why, lock);
  }
}

void ClientConnection::OnSent(uint32_t call_id) {
  ChannelLock lock(mutex_);
  // Else it has ended before: its deadline passed, say.
  if (auto it = calls_.find(call_id); it != calls_.end()) {
    Finish(*it->second, absl::OkStatus(), lock);
    Admit(waiting_one_way_, lock);
  }
}

void ClientConnection::TakeBack(PendingCall& call, OutgoingFrame frame,
                                const FrameHeader& header,
                                const absl::Status& why, ChannelLock& lock) {
  if (header.type == static_cast<uint8_t>(FrameType::kOpen)) {
    call.open.clear();
  } else if (call.open.empty()) {
    return;  // its beginning has been sent: what the server says counts
  }
  call.open.push_back(std::move(frame));
  if ((header.flags & kFlagMore) != 0) return;
  EndUnsent(call, why, lock);
}

absl::Status ClientConnection::WithReason(const absl::Status& why) const {
  if (go_away_.ok() || !absl::IsUnavailable(why) || given_up_) return why;
  return absl::UnavailableError(absl::StrCat(std::string(why.message()), ": ",
                                             std::string(go_away_.message())));
}

void ClientConnection::OnSendingEnded(const absl::Status& why) {
  // Calls that are on it may still be answered, but for one-way calls, of which
  // only a part was sent. All that end wait for the reason, which somebody is
  // to read.
  ChannelLock lock(mutex_);
  sending_ended_ = true;
  if (go_away_.ok()) ReadForSenders(clock_.CoarseNow(), lock);
  if (connection_.closed()) return;  // OnClosed() knows more
  RefuseNewCalls(WithReason(why), lock);
  if (!go_away_.ok()) EndUntaken(lock);
}

void ClientConnection::OnClosed(const absl::Status& closed) {
  ChannelLock lock(mutex_);
  const absl::Status why = WithReason(closed);
  RefuseNewCalls(why, lock);
  // A server says hello before it looks at calls: where none came, the listener
  // went before it accepted the connection.
  const bool unseen =
      !server_.has_value() && absl::IsUnavailable(why) && !given_up_;
  for (PendingCall* call : AllCalls()) {
    FinishUnseen(*call, call->unsent || (unseen && call->open_descriptors == 0),
                 why, lock);
  }
}

}  // namespace fdrpc
