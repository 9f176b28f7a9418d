#include "call/message_inbox.h"

#include <cassert>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace fdrpc {

absl::Status MessageInbox::Append(std::string_view piece,
                                  std::vector<UniqueFd>&& descriptors,
                                  bool truncated, bool more,
                                  PayloadBuffer&& buffer) {
  if (stream_.has_value()) {
    absl::Status spent = Spend(*stream_, piece.size(), descriptors.size());
    if (!spent.ok()) return spent;
  } else if (assembler_.complete()) {
    if (status_.ok()) {
      status_ = absl::InternalError(
          "more than one message came where the method has one");
    }
    ReceivedFds().Append(std::move(descriptors));
    return absl::OkStatus();
  }
  assembler_.Append(piece, std::move(descriptors), truncated, more,
                    std::move(buffer));
  if (status_.ok()) status_ = assembler_.status();
  if (more) return absl::OkStatus();
  if (stream_.has_value()) {
    stream_->received_any = true;
    if (status_.ok()) stream_->messages.push_back(assembler_.Take());
    assembler_.Reset();
  }
  if (status_.ok()) has_message_.store(true, std::memory_order_release);
  return absl::OkStatus();
}

absl::Status MessageInbox::Spend(Stream& stream, size_t bytes,
                                 size_t descriptors) {
  if (!assembler_.started()) {
    if (!stream.credit.AllowsMessage()) {
      return absl::InvalidArgumentError("a message beyond the call's credit");
    }
    stream.credit.MessageBegins();
    stream.has_descriptors = false;
  }
  if (descriptors > 0 && !std::exchange(stream.has_descriptors, true) &&
      !stream.credit.AllowsDescriptors()) {
    return absl::InvalidArgumentError(
        "descriptors beyond the call's credit for them");
  }
  stream.credit.Arrived(bytes, descriptors);
  return absl::OkStatus();
}

void MessageInbox::Close(std::string_view how) {
  if (!status_.ok()) return;
  if (partial()) {
    status_ = absl::InternalError(
        absl::StrCat(std::string(how), " within a message"));
  } else if (!stream_.has_value() && !assembler_.complete()) {
    status_ = absl::InternalError(
        absl::StrCat(std::string(how), " without a message"));
  }
}

Credit MessageInbox::Take(ReceivedMessage& message) {
  assert(has_message());
  if (!stream_.has_value()) {
    message = assembler_.Take();
    has_message_.store(false, std::memory_order_relaxed);
    return {};
  }
  message = stream_->messages.pop_front();
  if (stream_->messages.empty()) {
    has_message_.store(false, std::memory_order_relaxed);
  }
  return stream_->credit.Consumed(message.bytes.size(),
                                  message.descriptors.size());
}

std::vector<ReceivedMessage> MessageInbox::TakeAll() {
  std::vector<ReceivedMessage> all;
  if (!stream_.has_value()) return all;
  all = stream_->messages.TakeAll();
  if (partial()) all.push_back(assembler_.Take());
  assembler_.Reset();
  has_message_.store(false, std::memory_order_relaxed);
  return all;
}

}  // namespace fdrpc
