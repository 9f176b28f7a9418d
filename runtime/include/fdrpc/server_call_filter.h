#ifndef FDRPC_SERVER_CALL_FILTER_H_
#define FDRPC_SERVER_CALL_FILTER_H_

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/call_filter.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/server_call.h"
#include "fdrpc/server_context.h"

namespace fdrpc {

// A server's call that wraps another, so that an interceptor can see and change
// its messages and status. Derive from it and override the hooks, or context()
// to show the handler another one (ServerContextFilter):
//
//   next(std::make_shared<Logged>(std::move(call)));
//
// OnReceive() sees the requests and OnSend() the replies, streamed or not.
// After one of them returns an error, the handler finds its call cancelled.
//
// Threads: the hooks run on the handler's threads.
class FDRPC_API ServerCallFilter : public CallFilter<ServerCall> {
 public:
  explicit ServerCallFilter(std::shared_ptr<ServerCall> next)
      : CallFilter(std::move(next)) {}

  // Implementation of ServerCall.
  ServerContext& context() override { return next().context(); }
  absl::Status TakeRequest(IncomingMessage request) override {
    absl::Status taken = next().TakeRequest(request);
    return taken.ok() ? See(request) : taken;
  }
  void Finish(absl::Status status, const OutgoingMessage* reply) override {
    if (finished_.exchange(true)) return;
    if (failure() != nullptr) status = *failure();
    std::optional<OutgoingMessage> sent;
    if (status.ok() && reply != nullptr) {
      sent = *reply;
      status = See(*sent);
    }
    OnFinish(status);
    const bool replies = status.ok() && sent.has_value();
    next().Finish(std::move(status), replies ? &*sent : nullptr);
  }
  void Abort(const absl::Status& why) final { Finish(why, nullptr); }
  void Fail(const absl::Status& error) override { next().Fail(error); }

 protected:
  // Called once, with the status with which the handler ends the call, or an
  // earlier error of a hook. If the call has been cancelled, the status is not
  // sent.
  virtual void OnFinish(absl::Status& /*status*/) {}

 private:
  void FailNext(const absl::Status& error) final { next().Fail(error); }

  std::atomic<bool> finished_{false};
};

// A context that passes on another one, which it borrows. Override the parts
// that differ.
class FDRPC_API ServerContextFilter : public ServerContext {
 public:
  explicit ServerContextFilter(ServerContext& next) : next_(next) {}

  const Metadata& metadata() const override { return next_.metadata(); }
  const PeerCredentials& peer() const override { return next_.peer(); }
  const RemotePeer* remote_peer() const override { return next_.remote_peer(); }
  absl::StatusOr<UniqueFd> OpenPeerPidfd() const override {
    return next_.OpenPeerPidfd();
  }
  absl::Duration time_remaining() const override {
    return next_.time_remaining();
  }
  bool IsCancelled() const override { return next_.IsCancelled(); }
  absl::Status cancellation_reason() const override {
    return next_.cancellation_reason();
  }
  std::stop_token cancellation() const override { return next_.cancellation(); }
  std::stop_token draining() const override { return next_.draining(); }
  void StopReading() override { next_.StopReading(); }
  Metadata& headers() override { return next_.headers(); }
  void SendHeaders() override { next_.SendHeaders(); }
  Metadata& trailers() override { return next_.trailers(); }
  ClientOffer* client_offer() override { return next_.client_offer(); }

 private:
  ServerContext& next_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_FILTER_H_
