#include "call/message_assembler.h"

#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace fdrpc {

void ReceivedFds::AppendSome(std::vector<UniqueFd>&& fds) {
  const size_t count = fds.size();
  if (fds_ == nullptr) {
    fds_ = std::make_unique<Unread>(
        Unread{.all = std::move(fds), .sender = SenderOfReceived()});
  } else {
    fds_->all.insert(fds_->all.end(), std::make_move_iterator(fds.begin()),
                     std::make_move_iterator(fds.end()));
  }
  if (fds_->sender != nullptr) fds_->sender->AddUnread(count);
}

void ReceivedFds::CloseAll() {
  const std::unique_ptr<Unread> closed = std::move(fds_);
  if (closed->sender != nullptr) {
    closed->sender->RemoveUnread(closed->all.size());
  }
  CloseInBackground(std::move(closed->all));
}

absl::Status DescriptorsCutOff() {
  return absl::ResourceExhaustedError(
      "descriptors of the message could not be received (MSG_CTRUNC): this "
      "process is at its limit of open files (RLIMIT_NOFILE), or a security "
      "module refused one");
}

void MessageAssembler::Append(std::string_view piece,
                              std::vector<UniqueFd>&& descriptors,
                              bool truncated, bool more,
                              PayloadBuffer&& buffer) {
  started_ = true;
  complete_ = !more;
  if (!status_.ok()) return;
  if (truncated) return Fail(DescriptorsCutOff());
  if (piece.size() > limits_.bytes - message_.bytes.size()) {
    return Fail(absl::ResourceExhaustedError(
        absl::StrCat("the message exceeds the receiver's limit of ",
                     limits_.bytes, " bytes", kAboutByteLimit)));
  }
  if (!descriptors.empty() && limits_.descriptors == 0) {
    return Fail(absl::InternalError(
        "descriptors came with a message whose type has no field for them"));
  }
  if (descriptors.size() > limits_.descriptors - message_.descriptors.size()) {
    return Fail(absl::ResourceExhaustedError(absl::StrCat(
        "the message exceeds the receiver's limit of ", limits_.descriptors,
        " descriptors", kAboutDescriptorLimit)));
  }
  message_.bytes.Append(piece, std::move(buffer));
  message_.descriptors.Append(std::move(descriptors));
}

void MessageAssembler::Fail(absl::Status status) {
  status_ = std::move(status);
  message_ = ReceivedMessage{};
}

}  // namespace fdrpc
