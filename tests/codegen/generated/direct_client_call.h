#ifndef FDRPC_TESTS_CODEGEN_GENERATED_DIRECT_CLIENT_CALL_H_
#define FDRPC_TESTS_CODEGEN_GENERATED_DIRECT_CLIENT_CALL_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/caller.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated/direct_call.h"
#include "tests/codegen/generated/wire_message.h"

namespace fdrpc {

// A client's side of a call.
class DirectClientCall final
    : public DirectCall<ClientCall>,
      public std::enable_shared_from_this<DirectClientCall> {
 public:
  using Server = std::function<void(std::shared_ptr<DirectClientCall>)>;

  DirectClientCall(const Method& method, WaitList& waits, Server server)
      : DirectCall(waits), method_(method), server_(std::move(server)) {}

  // Passes the call to its server, which gets it at the latest when all
  // requests are there.
  void Serve() {
    if (server_) std::exchange(server_, nullptr)(shared_from_this());
  }

  // What the server's side receives and sends.
  std::deque<WireMessage> requests;
  bool half_closed() const { return half_closed_; }
  std::deque<WireMessage> replies;
  bool ended() const { return status_.has_value(); }
  void End(absl::Status status) {
    if (!ended()) status_ = std::move(status);
  }

  bool Ready(CallEvent event) override {
    return ended() || event == CallEvent::kRoom ||
           (event == CallEvent::kMessage && !replies.empty());
  }
  bool Take(IncomingMessage message) override {
    if (replies.empty()) return false;
    EXPECT_EQ(method_.reply_has_descriptors, message.parcel != nullptr);
    absl::Status status = replies.front().MoveTo(message);
    replies.pop_front();
    if (!status.ok()) status_ = status;
    return status.ok();
  }
  bool Send(OutgoingMessage message, bool last) override {
    if (ended()) return false;
    EXPECT_EQ(method_.request_has_descriptors, message.parcel != nullptr);
    absl::StatusOr<WireMessage> wire = WireMessage::Of(message);
    if (!wire.ok()) {
      End(wire.status());
      return false;
    }
    requests.push_back(*std::move(wire));
    if (last) HalfClose();
    return true;
  }
  void Abort(const absl::Status& why) override { End(why); }
  void HalfClose() override {
    half_closed_ = true;
    Serve();
  }
  const Metadata& headers() override { return metadata_; }
  absl::Status status() override {
    return status_.value_or(absl::UnknownError("the call has not ended"));
  }
  const Metadata& trailers() override { return metadata_; }

 private:
  const Method& method_;
  Server server_;
  bool half_closed_ = false;
  std::optional<absl::Status> status_;
  Metadata metadata_;
};

}  // namespace fdrpc

#endif  // FDRPC_TESTS_CODEGEN_GENERATED_DIRECT_CLIENT_CALL_H_
