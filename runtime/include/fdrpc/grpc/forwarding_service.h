#ifndef FDRPC_GRPC_FORWARDING_SERVICE_H_
#define FDRPC_GRPC_FORWARDING_SERVICE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "fdrpc/caller.h"
#include "fdrpc/service.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::grpc {

// A service that is known by its descriptor alone, and is served by passing all
// calls on to a Caller, such as a Channel to a gRPC server. Messages are passed
// on as bytes, with flow control; metadata, deadlines, cancellation and
// statuses are, too.
//
// Threads: handlers block none; a loop's thread passes messages on.
class ForwardingService final : public Service {
 public:
  // Borrows the descriptor, whose pool must outlive this.
  ForwardingService(const google::protobuf::ServiceDescriptor& descriptor,
                    std::shared_ptr<Caller> target);
  ~ForwardingService() override;

  std::string_view full_name() const override;
  absl::Span<const internal::MethodHandler> method_handlers() const override {
    return handlers_;
  }
  // The file of the service, as the descriptor's pool has it.
  std::string_view descriptor_files() const override { return files_; }

 private:
  class ForwardedMethod;

  const google::protobuf::ServiceDescriptor& descriptor_;
  std::vector<std::unique_ptr<ForwardedMethod>> methods_;
  std::vector<internal::MethodHandler> handlers_;
  std::string files_;
};

}  // namespace fdrpc::grpc

#endif  // FDRPC_GRPC_FORWARDING_SERVICE_H_
