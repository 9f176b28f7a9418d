#include "fdrpc/answered_call.h"

#include <cerrno>
#include <utility>

#include "call/parse.h"
#include "call/prepare_message.h"
#include "loop/loop_core.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

std::shared_ptr<ContinuationRunner> RunnerOf(Caller& next, CallForm form) {
  if (form == CallForm::kBlocking) return nullptr;
  if (std::shared_ptr<ContinuationRunner> own = next.runner()) return own;
  absl::StatusOr<std::shared_ptr<LoopCore>> loop = LoopCore::Default();
  return loop.ok() ? *std::move(loop) : nullptr;
}

// As a receiver has descriptors: each its own.
absl::Status MakeUnique(DescriptorSet descriptors, std::vector<UniqueFd>& own) {
  for (AttachedFd& fd : descriptors) {
    UniqueFd unique = fd.TakeUnique();
    if (!unique.ok()) unique.Reset(Syscalls::Get().duplicate(fd.get()));
    if (!unique.ok()) {
      return absl::ErrnoToStatus(errno, "duplicating a shared descriptor");
    }
    own.push_back(std::move(unique));
  }
  return absl::OkStatus();
}

}  // namespace

AnsweredCall::AnsweredCall(Caller& next, CallForm form, absl::Status status,
                           ReplyMetadata metadata)
    : runner_(RunnerOf(next, form)),
      metadata_(std::move(metadata)),
      status_(std::move(status)) {}

// Defined here, so that the thread sanitizer's suppressions apply where the
// status is released.
AnsweredCall::~AnsweredCall() = default;

void AnsweredCall::Add(const OutgoingMessage& reply, bool has_any) {
  absl::Status added = Prepare(reply, has_any);
  if (!added.ok()) Fail(std::move(added));
}

absl::Status AnsweredCall::Prepare(const OutgoingMessage& reply, bool has_any) {
  DescriptorSet descriptors;
  absl::Status prepared =
      PrepareMessage(reply, has_any, kNoMessageLimits, descriptors);
  if (!prepared.ok()) return prepared;
  Reply added;
  added.bytes = reply.message->SerializeAsString();
  absl::Status own = MakeUnique(std::move(descriptors), added.descriptors);
  if (own.ok()) replies_.push_back(std::move(added));
  return own;
}

void AnsweredCall::Notify(CallEvent, Continuation& continuation) {
  // The continuation may release the call before this function returns.
  const std::shared_ptr<ContinuationRunner> runner = runner_;
  // No loop could be made: the call fails like a channel's call in that case.
  if (runner == nullptr) return continuation.Run();
  runner->Post(continuation);
}

void AnsweredCall::Forget(Continuation& continuation) {
  if (runner_ != nullptr) runner_->Remove(continuation);
}

bool AnsweredCall::Take(IncomingMessage message) {
  if (replies_.empty()) return false;
  Reply next = std::move(replies_.front());
  replies_.pop_front();
  ReceivedMessage received;
  received.bytes = ReceivedBytes(std::move(next.bytes));
  received.descriptors.Append(std::move(next.descriptors));
  absl::Status parsed = ParseReply(std::move(received), message);
  const bool taken = parsed.ok();
  // It has another type than the method's.
  if (!taken) Fail(std::move(parsed));
  return taken;
}

void AnsweredCall::Fail(absl::Status error) {
  replies_.clear();
  if (status_.ok()) status_ = std::move(error);
}

bool AnsweredCall::Send(OutgoingMessage message, bool) {
  if (message.parcel != nullptr) message.parcel->TakeDescriptors();
  return false;
}

}  // namespace fdrpc
