#include "call/message_inbox.h"

#include <utility>

namespace fdrpc {

absl::Status MessageInbox::Append(std::string_view piece,
                                  std::vector<UniqueFd> descriptors,
                                  bool truncated, bool more,
                                  PayloadBuffer buffer) {
  const bool begins = !assembler_.started();
  if (streams_) {
    if (begins) {
      if (!credit_->AllowsMessage()) {
        return absl::InvalidArgumentError("a message beyond the call's credit");
      }
      credit_->MessageBegins();
      has_descriptors_ = false;
    }
    if (!descriptors.empty() && !std::exchange(has_descriptors_, true) &&
        !credit_->AllowsDescriptors()) {
      return absl::InvalidArgumentError(
          "descriptors beyond the call's credit for them");
    }
    credit_->Arrived(piece.size(), descriptors.size());
  } else if (begins && received_any_ && status_.ok()) {
    status_ = absl::InternalError(
        "more than one message came where the method has one");
  }
  assembler_.Append(piece, std::move(descriptors), truncated, more,
                    std::move(buffer));
  if (status_.ok()) status_ = assembler_.status();
  if (more) return absl::OkStatus();
  received_any_ = true;
  if (status_.ok()) {
    if (streams_) {
      messages_.push_back(assembler_.Take());
    } else {
      only_ = assembler_.Take();
    }
    has_message_.store(true, std::memory_order_release);
  }
  assembler_.Reset();
  return absl::OkStatus();
}

Credit MessageInbox::Take(ReceivedMessage& message) {
  if (!streams_) {
    message = *std::exchange(only_, std::nullopt);
    has_message_.store(false, std::memory_order_relaxed);
    return {};
  }
  message = std::move(messages_[first_++]);
  if (first_ == messages_.size()) {
    messages_.clear();
    first_ = 0;
    has_message_.store(false, std::memory_order_relaxed);
  } else if (first_ > messages_.size() / 2) {
    messages_.erase(messages_.begin(),
                    messages_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
  return credit_->Consumed(message.bytes.size(), message.descriptors.size());
}

}  // namespace fdrpc
