#include "grpc/status_conversion.h"

#include <string>
#include <string_view>

#include "absl/strings/cord.h"
#include "grpc/wire.pb.h"

namespace fdrpc::grpc {

::grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return ::grpc::Status::OK;
  const std::string message(status.message());
  wire::RpcStatus details;
  status.ForEachPayload([&](auto type_url, const absl::Cord& value) {
    wire::Detail& detail = *details.add_details();
    detail.set_type_url(std::string(type_url));
    detail.set_value(std::string(value));
  });
  std::string bytes;
  if (details.details_size() > 0) {
    details.set_code(static_cast<int>(status.code()));
    details.set_message(message);
    bytes = details.SerializeAsString();
  }
  return ::grpc::Status(static_cast<::grpc::StatusCode>(status.code()), message,
                        bytes);
}

absl::Status FromGrpc(const ::grpc::Status& status) {
  // Codes that are none are UNKNOWN in absl::Status, as in gRPC.
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
  wire::RpcStatus details;
  // Details of another form are the application's own, which absl::Status has
  // no place for.
  if (!result.ok() && details.ParseFromString(status.error_details())) {
    for (const wire::Detail& detail : details.details()) {
      result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
    }
  }
  return result;
}

}  // namespace fdrpc::grpc
