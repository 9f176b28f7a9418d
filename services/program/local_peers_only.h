#ifndef FDRPC_SERVICES_PROGRAM_LOCAL_PEERS_ONLY_H_
#define FDRPC_SERVICES_PROGRAM_LOCAL_PEERS_ONLY_H_

#include <memory>

#include "absl/functional/function_ref.h"
#include "fdrpc/server_interceptor.h"

namespace fdrpc::program {

// Refuses calls of remote peers with PERMISSION_DENIED: for services that give
// rights and quotas to the users of this machine, of whom a remote peer is
// none.
class LocalPeersOnly final : public ServerInterceptor {
 public:
  void Serve(
      const Method& method, std::shared_ptr<ServerCall> call,
      absl::FunctionRef<void(std::shared_ptr<ServerCall>)> next) override;
};

}  // namespace fdrpc::program

#endif  // FDRPC_SERVICES_PROGRAM_LOCAL_PEERS_ONLY_H_
