#include "call/message_assembler.h"

#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "os/background_close.h"

namespace fdrpc {

void ReceivedFds::AppendSome(std::vector<UniqueFd> fds) {
  if (fds_ == nullptr) {
    fds_ = std::make_unique<std::vector<UniqueFd>>(std::move(fds));
  } else {
    fds_->insert(fds_->end(), std::make_move_iterator(fds.begin()),
                 std::make_move_iterator(fds.end()));
  }
}

void ReceivedFds::CloseAll() {
  CloseInBackground(std::move(*std::exchange(fds_, nullptr)));
}

absl::Status DescriptorsCutOff() {
  return absl::ResourceExhaustedError(
      "descriptors of the message could not be received (MSG_CTRUNC): this "
      "process is at its limit of open files (RLIMIT_NOFILE), or a security "
      "module refused one");
}

void MessageAssembler::Append(std::string_view piece,
                              std::vector<UniqueFd> descriptors, bool truncated,
                              bool more, PayloadBuffer buffer) {
  started_ = true;
  complete_ = !more;
  if (!status_.ok()) return;
  if (truncated) return Fail(DescriptorsCutOff());
  if (piece.size() > limits_.bytes - message_.bytes.size()) {
    return Fail(absl::ResourceExhaustedError(
        absl::StrCat("the message exceeds the receiver's limit of ",
                     limits_.bytes, " bytes")));
  }
  if (!descriptors.empty() && limits_.descriptors == 0) {
    return Fail(absl::InternalError(
        "descriptors came with a message whose type has no field for them"));
  }
  if (descriptors.size() > limits_.descriptors - message_.descriptors.size()) {
    return Fail(absl::ResourceExhaustedError(
        absl::StrCat("the message exceeds the receiver's limit of ",
                     limits_.descriptors, " descriptors")));
  }
  message_.bytes.Append(piece, std::move(buffer));
  message_.descriptors.Append(std::move(descriptors));
}

void MessageAssembler::Fail(absl::Status status) {
  status_ = std::move(status);
  message_ = ReceivedMessage{};
}

}  // namespace fdrpc
