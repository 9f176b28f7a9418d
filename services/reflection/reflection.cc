#include "fdrpc/reflection.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "grpc/reflection/v1/reflection.fdrpc.h"
#include "services/reflection/described_files.h"
#include "services/reflection/reflection_answers.h"

namespace fdrpc {
namespace {

using grpc::reflection::v1::ServerReflection;
using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;

// A coroutine, which holds no thread while its client thinks.
class ReflectionService final : public ServerReflection::CoService {
 public:
  // Borrows the server of the options.
  explicit ReflectionService(ReflectionOptions options)
      : options_(std::move(options)) {}

  Task<absl::Status> ServerReflectionInfo(
      ServerContext& context,
      CoServerStream<ServerReflectionRequest, ServerReflectionResponse>& stream)
      override {
    const uid_t user = context.peer().uid;
    if (!MayAsk(user)) {
      co_return absl::PermissionDeniedError(
          absl::StrCat("reflection of this server is not for user ", user));
    }
    std::call_once(described_, [this] { Describe(); });
    const std::stop_callback drain(context.draining(),
                                   [&context] { context.StopReading(); });
    ReflectionAnswers answers(*files_, services_);
    while (std::optional<ServerReflectionRequest> request =
               co_await stream.Read()) {
      const ServerReflectionResponse answer = answers.Answer(*request);
      if (!co_await stream.Write(answer)) break;
    }
    co_return absl::OkStatus();
  }

 private:
  bool MayAsk(uid_t user) const {
    return options_.users.empty() ||
           std::find(options_.users.begin(), options_.users.end(), user) !=
               options_.users.end();
  }

  // On the first call, when all services have been added.
  void Describe() {
    std::vector<std::string_view> brought;
    for (const Service* service : options_.of->services()) {
      services_.emplace_back(service->full_name());
      brought.push_back(service->descriptor_files());
    }
    files_.emplace(brought);
  }

  const ReflectionOptions options_;
  std::once_flag described_;
  std::vector<std::string> services_;
  std::optional<DescribedFiles> files_;
};

}  // namespace

void EnableReflection(Server& server, ReflectionOptions options) {
  if (options.of == nullptr) options.of = &server;
  server.AddService(std::make_unique<ReflectionService>(std::move(options)));
}

}  // namespace fdrpc
