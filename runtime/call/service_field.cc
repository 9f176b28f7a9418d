#include "fdrpc/internal/service_field.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "os/local_socket.h"

namespace fdrpc::internal {

absl::StatusOr<ServicePair> NewServicePair(const Service* service,
                                           std::string_view name,
                                           std::string_view field) {
  if (service == nullptr || service->full_name() != name) {
    return absl::InvalidArgumentError(absl::StrCat(
        "field ", std::string(field), " carries ", std::string(name), ", not ",
        service == nullptr ? "null" : std::string(service->full_name())));
  }
  absl::StatusOr<std::pair<UniqueFd, UniqueFd>> pair = NewSocketPair();
  if (!pair.ok()) return pair.status();
  return ServicePair{.served = std::move(pair->first),
                     .sent = std::move(pair->second)};
}

absl::Status NoService(std::string_view field, const absl::Status& why) {
  const std::string name(field);
  return why.ok() ? absl::InvalidArgumentError(absl::StrCat(
                        "field ", name,
                        " has no service: it is not set, or it was "
                        "taken"))
                  : absl::Status(why.code(), absl::StrCat("field ", name, ": ",
                                                          why.message()));
}

}  // namespace fdrpc::internal
