#include "services/gateway/known_services.h"

#include <string>
#include <utility>

#include "services/tool/given_schema.h"
#include "services/tool/reflected_schema.h"

namespace fdrpc::gateway {
namespace {

// Makes calls of gRPC's reflection by its former name, with the same messages:
// servers of gRPC before 1.57 have no other one.
class FormerReflection final : public Caller {
 public:
  explicit FormerReflection(std::shared_ptr<Caller> server)
      : server_(std::move(server)) {}

  absl::Status CallUnary(const Method& method, OutgoingMessage request,
                         IncomingMessage reply,
                         const CallOptions& options) override {
    return server_->CallUnary(method, request, reply, options);
  }
  std::shared_ptr<ClientCall> StartCall(const Method&,
                                        const OutgoingMessage* request,
                                        const CallOptions& options,
                                        CallForm form) override {
    static constexpr Method kFormer = {
        .full_name =
            "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        .kind = MethodKind::kBidirectional};
    return server_->StartCall(kFormer, request, options, form);
  }
  std::shared_ptr<ContinuationRunner> runner() override {
    return server_->runner();
  }

 private:
  const std::shared_ptr<Caller> server_;
};

}  // namespace

absl::StatusOr<KnownServices> KnownServices::From(
    std::unique_ptr<tool::SchemaSource> source) {
  KnownServices known;
  known.schema_ = std::make_unique<tool::Schema>(std::move(source));
  const auto names = known.schema_->Services();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const auto service = known.schema_->FindService(name);
    // gRPC's reflection does not always describe itself.
    if (absl::IsNotFound(service.status()) &&
        name.starts_with("grpc.reflection.")) {
      continue;
    }
    if (!service.ok()) return service.status();
    known.services_.push_back(*service);
  }
  return known;
}

absl::StatusOr<KnownServices> KnownServices::Of(std::shared_ptr<Caller> server,
                                                const Settings& settings) {
  if (!settings.descriptor_set.empty()) {
    auto given = tool::GivenSchema::FromDescriptorSet(settings.descriptor_set);
    if (!given.ok()) return given.status();
    return From(*std::move(given));
  }
  const CallOptions options = {.timeout = settings.timeout,
                               .wait_for_ready = true};
  absl::StatusOr<KnownServices> known =
      From(std::make_unique<tool::ReflectedSchema>(server, options));
  if (!absl::IsUnimplemented(known.status())) return known;
  absl::StatusOr<KnownServices> formerly =
      From(std::make_unique<tool::ReflectedSchema>(
          std::make_shared<FormerReflection>(std::move(server)), options));
  return absl::IsUnimplemented(formerly.status()) ? std::move(known)
                                                  : std::move(formerly);
}

}  // namespace fdrpc::gateway
