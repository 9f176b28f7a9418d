#include "server/service_registry.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "fdrpc/internal/handler_exceptions.h"

namespace fdrpc {

void RegisteredMethod::Serve(std::shared_ptr<ServerCall> call) const {
  if (interceptors.empty()) return handler->serve(*service, std::move(call));
  const RegisteredMethod rest = {service, handler, interceptors.subspan(1)};
  internal::CallHandler(
      [&] {
        interceptors.front()->Serve(*handler->method, call,
                                    [&rest](std::shared_ptr<ServerCall> next) {
                                      rest.Serve(std::move(next));
                                    });
      },
      [&](absl::Status threw) { call->Finish(std::move(threw), nullptr); });
}

MethodCounters* ServiceRegistry::Count(const std::string& name) {
  counted_.push_back({name, std::make_unique<MethodCounters>()});
  return counted_.back().counters.get();
}

void ServiceRegistry::CountCalls() {
  if (std::exchange(counts_calls_, true)) return;
  for (const Service* service : in_order_) {
    for (const internal::MethodHandler& handler : service->method_handlers()) {
      const std::string name(handler.method->full_name);
      methods_.find(name)->second.counters = Count(name);
    }
  }
}

std::vector<MethodActivity> ServiceRegistry::activity() const {
  std::vector<MethodActivity> activity;
  for (const CountedMethod& method : counted_) {
    MethodActivity& each = activity.emplace_back();
    each.name = method.name;
    method.counters->CopyTo(each);
  }
  return activity;
}

void ServiceRegistry::Add(Service& service) {
  const bool is_new =
      services_.emplace(std::string(service.full_name()), &service).second;
  FDRPC_CHECK(is_new, absl::StrCat(
                          "two services with one name were added to a server: ",
                          std::string(service.full_name())));
  in_order_.push_back(&service);
  for (const internal::MethodHandler& handler : service.method_handlers()) {
    FDRPC_CHECK(handler.serve != nullptr,
                absl::StrCat("a method has no handler: ",
                             std::string(handler.method->full_name)));
    takes_descriptors_ |= handler.method->request_has_descriptors;
    Service* const serves =
        handler.service == nullptr ? &service : handler.service;
    const std::string name(handler.method->full_name);
    methods_.emplace(name,
                     RegisteredMethod{serves, &handler, interceptors_,
                                      counts_calls_ ? Count(name) : nullptr});
  }
}

absl::StatusOr<RegisteredMethod> ServiceRegistry::Find(
    std::string_view full_name) const {
  // Looked up as std::string: absl's string_view may be another type than the
  // standard's.
  const std::string name(full_name);
  if (auto it = methods_.find(name); it != methods_.end()) return it->second;
  const std::string service = name.substr(0, name.find('/'));
  // The name from a client need not be text.
  const std::string named = absl::Utf8SafeCHexEscape(name);
  if (services_.contains(service)) {
    return absl::UnimplementedError(absl::StrCat(
        "the server's service ", service, " has no such method: ", named));
  }
  return absl::UnimplementedError(
      absl::StrCat("the server has no such service: ", named));
}

}  // namespace fdrpc
