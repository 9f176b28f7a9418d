#ifndef FDRPC_GRPC_FORWARDED_CALL_H_
#define FDRPC_GRPC_FORWARDED_CALL_H_

#include <functional>
#include <memory>

#include "fdrpc/dynamic_parcel.h"
#include "fdrpc/server_call.h"
#include "grpc/passed_call.h"

namespace fdrpc::grpc {

// A call of a server that is passed on to a Caller.
class ForwardedCall final : public PassedCall {
 public:
  // A place for a request with descriptors; null if it cannot have any.
  using NewRequest = std::function<std::unique_ptr<DynamicParcel>()>;

  // Borrows `target` and `method` until the call has ended.
  static void Start(std::shared_ptr<ServerCall> from, Caller& target,
                    const Method& method, NewRequest new_request);

 private:
  ForwardedCall(std::shared_ptr<ServerCall> from, const Method& method,
                NewRequest new_request);

  // Implementation of PassedCall.
  void TakeRequest() override;
  absl::StatusOr<OutgoingMessage> Request() override;
  void SendHeaders(const Metadata& headers, bool at_once) override;
  void SendReply(const wire::Opaque& reply) override;
  void End(absl::Status status, const Metadata& trailers,
           const wire::Opaque* reply) override;
  void Finish(absl::Status status, const OutgoingMessage* reply);

  // A place for the next request, of either kind.
  IncomingMessage NextRequest();

  // Steps.
  void TakeArrived();
  void SendTaken();

  const std::shared_ptr<ServerCall> from_;
  const NewRequest new_request_;
  wire::Opaque plain_;
  std::unique_ptr<DynamicParcel>
      parcel_;                           // of a type that may have descriptors
  const wire::Opaque* reply_ = nullptr;  // while it waits for room

  Step take_arrived_{&ForwardedCall::TakeArrived};
  Step send_taken_{&ForwardedCall::SendTaken};
};

}  // namespace fdrpc::grpc

#endif  // FDRPC_GRPC_FORWARDED_CALL_H_
