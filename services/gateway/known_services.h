#ifndef FDRPC_SERVICES_GATEWAY_KNOWN_SERVICES_H_
#define FDRPC_SERVICES_GATEWAY_KNOWN_SERVICES_H_

#include <memory>
#include <stop_token>
#include <vector>

#include "absl/status/statusor.h"
#include "fdrpc/caller.h"
#include "google/protobuf/descriptor.h"
#include "services/gateway/settings.h"
#include "services/tool/schema.h"

namespace fdrpc::gateway {

// The services that a gateway passes on. Owns their descriptors.
class KnownServices {
 public:
  // Those of the settings' descriptor set or, without one, those that `server`
  // tells by reflection, for which this waits as long as the settings say.
  // CANCELLED if `stop` is requested meanwhile.
  static absl::StatusOr<KnownServices> Of(std::shared_ptr<Caller> server,
                                          const Settings& settings,
                                          std::stop_token stop);

  const std::vector<const google::protobuf::ServiceDescriptor*>& services()
      const {
    return services_;
  }

 private:
  static absl::StatusOr<KnownServices> From(
      std::unique_ptr<tool::SchemaSource> source);

  std::unique_ptr<google::protobuf::DescriptorPool> pool_;
  std::vector<const google::protobuf::ServiceDescriptor*> services_;
};

}  // namespace fdrpc::gateway

#endif  // FDRPC_SERVICES_GATEWAY_KNOWN_SERVICES_H_
