#include "fdrpc/grpc/generic_service.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "fdrpc/alarm.h"
#include "fdrpc/in_process_channel.h"
#include "fdrpc/service.h"
#include "grpc/incoming_call.h"
#include "grpc/status_conversion.h"

namespace fdrpc::grpc {
namespace {

// How long a client may take to read what was sent, when its call has ended,
// and how long a connection may take to close.
constexpr absl::Duration kMostForReading = absl::Seconds(1);
constexpr absl::Duration kMostForClosing = absl::Seconds(30);
// More is longer than gRPC's clock can count.
constexpr absl::Duration kLongest = absl::Hours(24 * 365 * 100);

void StopAfter(absl::Duration time, Alarm& alarm, std::stop_source what) {
  alarm.Set(time, [what = std::move(what)](bool rang) mutable {
    if (rang) what.request_stop();
  });
}

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
  SetMethods(methods);
}

void GenericService::SetMethods(const std::vector<const Method*>& methods) {
  const auto known = std::make_shared<Methods>();
  for (const Method* method : methods) {
    const auto [it, is_new] = known->emplace(
        absl::StrCat("/", std::string(method->full_name)), Method());
    if (!is_new) continue;
    // A one-way method has a reply in gRPC, which is empty.
    it->second.full_name = std::string_view(it->first).substr(1);
    it->second.kind = method->kind;
  }
  // Older clients know it by this name, with the same messages.
  const auto reflection =
      known->find("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
  if (reflection != known->end()) {
    known->emplace(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        Method(reflection->second));
  }
  const std::lock_guard lock(mu_);
  methods_ = known;
}

std::shared_ptr<const Method> GenericService::Find(
    const std::string& path) const {
  std::shared_ptr<const Methods> methods;
  {
    const std::lock_guard lock(mu_);
    methods = methods_;
  }
  const auto method = methods->find(path);
  if (method == methods->end()) return nullptr;
  return {methods, &method->second};
}

::grpc::ServerGenericBidiReactor* GenericService::CreateReactor(
    ::grpc::GenericCallbackServerContext* context) {
  std::shared_ptr<const Method> method = Find(context->method());
  if (method == nullptr) {
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
  return IncomingCall::Start(
      {.target = target_,
       .is_verified = options_.client_certificates_are_verified,
       .calls = calls_,
       .server_ends = ends_.get_token(),
       .server_waits_no_longer = waits_no_longer_.get_token()},
      std::move(method), *context);
}

absl::Status GenericService::Shutdown(::grpc::Server& server,
                                      Timeout drain_timeout) {
  absl::StatusOr<Alarm> end = Alarm::Create();
  absl::StatusOr<Alarm> cut = end.ok() ? Alarm::Create() : end.status();
  if (!cut.ok()) {
    ends_.request_stop();
    waits_no_longer_.request_stop();
    server.Shutdown();
    return cut.status();
  }
  if (drain_timeout >= kLongest) {
    server.Shutdown();
    return absl::OkStatus();
  }
  StopAfter(drain_timeout, *end, ends_);
  StopAfter(drain_timeout + kMostForReading, *cut, waits_no_longer_);
  // gRPC's own end of all calls is for peers that do not even close.
  server.Shutdown(std::chrono::system_clock::now() +
                  absl::ToChronoNanoseconds(drain_timeout + kMostForClosing));
  return absl::OkStatus();
}

}  // namespace fdrpc::grpc
