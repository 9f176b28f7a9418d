#include "fdrpc/grpc/channel.h"

#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fdrpc/answered_call.h"
#include "fdrpc/internal/take_reply.h"
#include "grpc/outgoing_call.h"
#include "os/fork_generation.h"

namespace fdrpc::grpc {
namespace {

absl::Status InheritedByFork() {
  return absl::FailedPreconditionError(
      "this channel was made before fork(2), and gRPC's threads are not here: "
      "make a new one in the child, before which gRPC was not used");
}

}  // namespace

class Channel::CallerOverGrpc final : public Caller {
 public:
  CallerOverGrpc(std::shared_ptr<::grpc::Channel> channel,
                 const ChannelOptions& options)
      : stub_(std::move(channel)), loop_(options.loop) {}

  absl::Status CallUnary(const Method& method, OutgoingMessage request,
                         IncomingMessage reply,
                         const CallOptions& options) override {
    const std::shared_ptr<ClientCall> call =
        StartCall(method, &request, options, CallForm::kBlocking);
    call->Await(CallEvent::kEnd);
    return internal::TakeReply(*call, reply);
  }

  std::shared_ptr<ClientCall> StartCall(const Method& method,
                                        const OutgoingMessage* request,
                                        const CallOptions& options,
                                        CallForm form) override {
    if (inherited_by_fork()) {
      return std::make_shared<AnsweredCall>(*this, form, InheritedByFork());
    }
    std::shared_ptr<ContinuationRunner> runner;
    if (form == CallForm::kNotified) {
      runner = this->runner();
      if (runner == nullptr) {
        return std::make_shared<AnsweredCall>(*this, form,
                                              Loop::OfProcess().status());
      }
    }
    absl::StatusOr<std::shared_ptr<OutgoingCall>> call =
        OutgoingCall::Start(stub_, method, request, options, std::move(runner));
    if (call.ok()) return *std::move(call);
    return std::make_shared<AnsweredCall>(*this, form, call.status());
  }

  bool inherited_by_fork() const { return fork_mark_.inherited(); }

  std::shared_ptr<ContinuationRunner> runner() override {
    if (loop_.has_value()) return loop_->runner();
    const absl::StatusOr<Loop> loop = Loop::OfProcess();
    return loop.ok() ? loop->runner() : nullptr;
  }

 private:
  const ForkMark fork_mark_;
  ::grpc::GenericStub stub_;
  const std::optional<Loop> loop_;
};

Channel::Channel(std::shared_ptr<::grpc::Channel> channel,
                 ChannelOptions options)
    : channel_(std::move(channel)),
      core_(std::make_shared<CallerOverGrpc>(channel_, options)),
      caller_(Intercept(options.interceptors, core_)) {}

ChannelState Channel::state() const {
  if (core_->inherited_by_fork()) return ChannelState::kShutdown;
  switch (channel_->GetState(/*try_to_connect=*/false)) {
    case GRPC_CHANNEL_IDLE:
      return ChannelState::kIdle;
    case GRPC_CHANNEL_CONNECTING:
      return ChannelState::kConnecting;
    case GRPC_CHANNEL_READY:
      return ChannelState::kReady;
    case GRPC_CHANNEL_TRANSIENT_FAILURE:
      return ChannelState::kTransientFailure;
    default:
      return ChannelState::kShutdown;
  }
}

absl::Status Channel::WaitForReady(Timeout timeout) const {
  if (core_->inherited_by_fork()) return InheritedByFork();
  // More than this is longer than the clock can count.
  constexpr absl::Duration kLongest = absl::Hours(24 * 365 * 100);
  const auto deadline =
      std::chrono::system_clock::now() +
      absl::ToChronoNanoseconds(std::min<absl::Duration>(timeout, kLongest));
  if (channel_->WaitForConnected(deadline)) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat(
      "the server was not ready in ", absl::FormatDuration(timeout)));
}

}  // namespace fdrpc::grpc
