#ifndef FDRPC_TESTS_CODEGEN_GENERATED_DIRECT_SERVER_CALL_H_
#define FDRPC_TESTS_CODEGEN_GENERATED_DIRECT_SERVER_CALL_H_

#include <memory>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "fdrpc/server_call.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated/direct_call.h"
#include "tests/codegen/generated/direct_client_call.h"
#include "tests/codegen/generated/wire_message.h"

namespace fdrpc {

class NoContext final : public ServerContext {
 public:
  const Metadata& metadata() const override { return metadata_; }
  const PeerCredentials& peer() const override { return peer_; }
  absl::StatusOr<UniqueFd> OpenPeerPidfd() const override {
    return absl::UnimplementedError("there is no peer");
  }
  absl::Duration time_remaining() const override {
    return absl::InfiniteDuration();
  }
  absl::Status cancellation_reason() const override { return absl::OkStatus(); }
  bool IsCancelled() const override { return false; }
  std::stop_token cancellation() const override { return {}; }
  Metadata& headers() override { return metadata_; }
  void SendHeaders() override {}
  Metadata& trailers() override { return metadata_; }

 private:
  Metadata metadata_;
  PeerCredentials peer_;
};

// A server's side of a call.
class DirectServerCall final : public DirectCall<ServerCall> {
 public:
  DirectServerCall(const Method& method, WaitList& waits,
                   std::shared_ptr<DirectClientCall> client)
      : DirectCall(waits), method_(method), client_(std::move(client)) {}

  ServerContext& context() override { return context_; }
  bool Ready(CallEvent event) override {
    return client_->ended() || event == CallEvent::kRoom ||
           (event == CallEvent::kMessage &&
            (client_->half_closed() || !client_->requests.empty()));
  }
  bool Take(IncomingMessage message) override {
    return !client_->requests.empty() && TakeRequest(message).ok();
  }
  absl::Status TakeRequest(IncomingMessage request) override {
    EXPECT_EQ(method_.request_has_descriptors, request.parcel != nullptr);
    WireMessage wire = std::move(client_->requests.front());
    client_->requests.pop_front();
    return wire.MoveTo(request);
  }
  bool Send(OutgoingMessage message, bool /*last*/) override {
    if (client_->ended()) return false;
    EXPECT_EQ(method_.reply_has_descriptors, message.parcel != nullptr);
    absl::StatusOr<WireMessage> wire = WireMessage::Of(message);
    if (!wire.ok()) {
      client_->End(wire.status());
      return false;
    }
    client_->replies.push_back(*std::move(wire));
    return true;
  }
  void Finish(absl::Status status, const OutgoingMessage* reply) override {
    if (status.ok() && reply != nullptr) Send(*reply, /*last=*/true);
    client_->End(std::move(status));
  }
  void Abort(const absl::Status& why) override { client_->End(why); }

 private:
  const Method& method_;
  const std::shared_ptr<DirectClientCall> client_;
  NoContext context_;
};

}  // namespace fdrpc

#endif  // FDRPC_TESTS_CODEGEN_GENERATED_DIRECT_SERVER_CALL_H_
