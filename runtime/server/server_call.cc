#include "server/server_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "call/parse.h"
#include "wire/metadata_block.h"

namespace fdrpc {

ServerCall::ServerCall(std::shared_ptr<Origin> origin, uint32_t id,
                       RegisteredMethod method, MessageLimits request_limits,
                       MonotonicTime deadline, Metadata metadata)
    : origin_(std::move(origin)),
      id_(id),
      method_(method),
      deadline_(deadline),
      metadata_(std::move(metadata)),
      request_(request_limits) {}

ServerCall::~ServerCall() { origin_->OnCallGone(*this); }

void ServerCall::Run() {
  if (IsCancelled()) {
    return FinishError(absl::DeadlineExceededError(
        "the deadline passed before the handler ran"));
  }
  method_.handler->serve_unary(*method_.service, *this);
}

void ServerCall::Cancel() {
  cancelled_.store(true, std::memory_order_release);
  std::optional<std::stop_source> stop;
  {
    MutexLock lock(mu_);
    stop = stop_;
  }
  if (stop.has_value()) stop->request_stop();
}

absl::Duration ServerCall::time_remaining() const {
  return TimeUntil(deadline_, Clock::Real().Now());
}

bool ServerCall::IsCancelled() const {
  return cancelled_.load(std::memory_order_acquire) ||
         (deadline_ != kNoDeadline && Clock::Real().Now() >= deadline_);
}

std::stop_token ServerCall::cancellation() const {
  MutexLock lock(mu_);
  if (!stop_.has_value()) {
    stop_.emplace();
    // Cancel() sets the flag before it looks for the source. Nobody can have
    // registered a callback yet, so none runs under the lock.
    if (cancelled_.load(std::memory_order_acquire)) stop_->request_stop();
  }
  return stop_->get_token();
}

absl::Status ServerCall::TakeRequest(IncomingMessage request) {
  return ParseReceived(request_.Take(), request);
}

void ServerCall::FinishOk(OutgoingMessage reply) {
  DescriptorSet descriptors;
  if (reply.parcel != nullptr) descriptors = reply.parcel->TakeDescriptors();
  const Hello& client = origin_->client_limits();
  absl::Status sendable =
      CheckSendable(*reply.message, descriptors.size(),
                    client.max_message_bytes, client.max_descriptors);
  if (!sendable.ok()) {
    // A reply that lacks required fields is the handler's mistake.
    return FinishError(absl::IsInvalidArgument(sendable)
                           ? absl::InternalError(sendable.message())
                           : std::move(sendable));
  }
  SendStatus(absl::OkStatus(), reply.message, std::move(descriptors));
}

void ServerCall::FinishError(absl::Status status) {
  SendStatus(std::move(status), nullptr, {});
}

void ServerCall::SendStatus(absl::Status status,
                            const google::protobuf::MessageLite* reply,
                            DescriptorSet descriptors) {
  if (cancelled_.load(std::memory_order_acquire)) return;
  if (deadline_ != kNoDeadline && Clock::Real().Now() >= deadline_) {
    status = absl::DeadlineExceededError("the call's deadline has passed");
    reply = nullptr;
    descriptors.clear();
  }
  for (Metadata* metadata : {&headers_, &trailers_}) {
    absl::Status valid = CheckMetadata(*metadata);
    if (valid.ok()) continue;
    status = absl::InternalError(
        absl::StrCat("the handler's metadata: ", valid.message()));
    reply = nullptr;
    descriptors.clear();
    metadata->Clear();
  }
  origin_->SendEnd(id_, BuildStatus(id_, status, headers_, trailers_, reply,
                                    std::move(descriptors)));
}

}  // namespace fdrpc
