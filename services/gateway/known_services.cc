#include "services/gateway/known_services.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"
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

// With its imports, unless the pool has it.
void CopyFile(const google::protobuf::FileDescriptor& file,
              google::protobuf::DescriptorPool& pool) {
  if (pool.FindFileByName(file.name()) != nullptr) return;
  for (int i = 0; i < file.dependency_count(); ++i) {
    CopyFile(*file.dependency(i), pool);
  }
  google::protobuf::FileDescriptorProto copy;
  file.CopyTo(&copy);
  pool.BuildFile(copy);
}

}  // namespace

// The source goes, and so does its call to the server, which could otherwise
// not end in peace.
absl::StatusOr<KnownServices> KnownServices::From(
    std::unique_ptr<tool::SchemaSource> source) {
  KnownServices known;
  known.pool_ = std::make_unique<google::protobuf::DescriptorPool>();
  tool::Schema schema(std::move(source));
  const auto names = schema.Services();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const auto service = schema.FindService(name);
    // gRPC's reflection does not always describe itself.
    if (absl::IsNotFound(service.status()) &&
        name.starts_with("grpc.reflection.")) {
      continue;
    }
    if (!service.ok()) return service.status();
    CopyFile(*(*service)->file(), *known.pool_);
    const auto* copy = known.pool_->FindServiceByName(name);
    if (copy == nullptr) {
      return absl::InternalError(
          absl::StrCat("the file of ", name, " cannot be used again"));
    }
    known.services_.push_back(copy);
  }
  return known;
}

absl::StatusOr<KnownServices> KnownServices::Of(std::shared_ptr<Caller> server,
                                                const Settings& settings,
                                                std::stop_token stop) {
  if (!settings.descriptor_set.empty()) {
    auto given = tool::GivenSchema::FromDescriptorSet(settings.descriptor_set);
    if (!given.ok()) return given.status();
    return From(*std::move(given));
  }
  const CallOptions options = {.timeout = settings.timeout,
                               .wait_for_ready = true,
                               .cancellation = std::move(stop)};
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
