#include "fdrpc/grpc/forwarding_service.h"

#include <set>
#include <utility>

#include "fdrpc/dynamic_method.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "grpc/forwarded_call.h"

namespace fdrpc::grpc {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorSet;

// Adds a file behind its imports, once.
void AddFile(const FileDescriptor& file, std::set<const FileDescriptor*>& added,
             FileDescriptorSet& files) {
  if (!added.insert(&file).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) {
    AddFile(*file.dependency(i), added, files);
  }
  file.CopyTo(files.add_file());
}

std::string SerialisedFiles(const FileDescriptor& file) {
  std::set<const FileDescriptor*> added;
  FileDescriptorSet files;
  AddFile(file, added, files);
  return files.SerializeAsString();
}

}  // namespace

// One method, as the service whose function a MethodHandler names.
class ForwardingService::ForwardedMethod final : public Service {
 public:
  ForwardedMethod(const google::protobuf::MethodDescriptor& descriptor,
                  std::shared_ptr<Caller> target)
      : method_(descriptor), target_(std::move(target)) {}

  internal::MethodHandler handler() {
    return {.method = &method_.method(), .serve = &Serve, .service = this};
  }

  std::string_view full_name() const override {
    return method_.method().full_name;
  }
  absl::Span<const internal::MethodHandler> method_handlers() const override {
    return {};
  }

 private:
  static void Serve(Service& service, std::shared_ptr<ServerCall> call) {
    auto& self = static_cast<ForwardedMethod&>(service);
    ForwardedCall::Start(std::move(call), *self.target_, self.method_.method(),
                         [&self] { return self.NewRequest(); });
  }

  // Only what may have descriptors is parsed.
  std::unique_ptr<DynamicParcel> NewRequest() {
    if (!method_.method().request_has_descriptors) return nullptr;
    return std::make_unique<DynamicParcel>(
        std::unique_ptr<google::protobuf::Message>(
            types_.GetPrototype(method_.descriptor().input_type())->New()));
  }

  const DynamicMethod method_;
  const std::shared_ptr<Caller> target_;
  google::protobuf::DynamicMessageFactory types_;
};

ForwardingService::ForwardingService(
    const google::protobuf::ServiceDescriptor& descriptor,
    std::shared_ptr<Caller> target)
    : descriptor_(descriptor), files_(SerialisedFiles(*descriptor.file())) {
  for (int i = 0; i < descriptor.method_count(); ++i) {
    methods_.push_back(
        std::make_unique<ForwardedMethod>(*descriptor.method(i), target));
    handlers_.push_back(methods_.back()->handler());
  }
}

ForwardingService::~ForwardingService() = default;

std::string_view ForwardingService::full_name() const {
  return descriptor_.full_name();
}

}  // namespace fdrpc::grpc
