#include "fdrpc/grpc/generic_service.h"

#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "fdrpc/in_process_channel.h"
#include "fdrpc/service.h"
#include "grpc/incoming_call.h"
#include "grpc/status_conversion.h"

namespace fdrpc::grpc {
namespace {

// A call that has ended before it began.
class RefusedCall final : public ::grpc::ServerGenericBidiReactor {
 public:
  explicit RefusedCall(const absl::Status& why) { Finish(ToGrpc(why)); }
  void OnDone() override { delete this; }
};

}  // namespace

absl::StatusOr<std::unique_ptr<GenericService>> GenericService::Create(
    Server& server, const GenericServiceOptions& options) {
  absl::StatusOr<fdrpc::Channel> channel = InProcessChannel(server);
  if (!channel.ok()) return channel.status();
  std::vector<const Method*> methods;
  for (const Service* service : server.services()) {
    for (const auto& handler : service->method_handlers()) {
      methods.push_back(handler.method);
    }
  }
  return std::make_unique<GenericService>(*channel, methods, options);
}

GenericService::GenericService(std::shared_ptr<Caller> target,
                               const std::vector<const Method*>& methods,
                               const GenericServiceOptions& options)
    : target_(std::move(target)), options_(options) {
  for (const Method* method : methods) {
    const auto [it, is_new] = methods_.emplace(
        absl::StrCat("/", std::string(method->full_name)), Method());
    if (!is_new) continue;
    // A one-way method has a reply in gRPC, which is empty.
    it->second.full_name = std::string_view(it->first).substr(1);
    it->second.kind = method->kind;
  }
  // Older clients know it by this name, with the same messages.
  const auto reflection = methods_.find(
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
  if (reflection != methods_.end()) {
    methods_.emplace(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        Method(reflection->second));
  }
}

::grpc::ServerGenericBidiReactor* GenericService::CreateReactor(
    ::grpc::GenericCallbackServerContext* context) {
  const auto method = methods_.find(context->method());
  if (method == methods_.end()) {
    return new RefusedCall(absl::UnimplementedError(
        absl::StrCat("the server has no such method: ",
                     absl::Utf8SafeCHexEscape(context->method()))));
  }
  if (calls_->fetch_add(1) >= options_.max_calls) {
    calls_->fetch_sub(1);
    return new RefusedCall(absl::ResourceExhaustedError(absl::StrCat(
        "the server has ", options_.max_calls,
        " calls over gRPC, which is the most "
        "(fdrpc::grpc::GenericServiceOptions::max_calls): try again later")));
  }
  return IncomingCall::Start(*target_, method->second, *context,
                             options_.client_certificates_are_verified, calls_);
}

}  // namespace fdrpc::grpc
