#include "services/program/local_peers_only.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace fdrpc::program {

void LocalPeersOnly::Serve(
    const Method&, std::shared_ptr<ServerCall> call,
    absl::FunctionRef<void(std::shared_ptr<ServerCall>)> next) {
  const RemotePeer* const remote = call->context().remote_peer();
  if (remote == nullptr) return next(std::move(call));
  call->Finish(absl::PermissionDeniedError(absl::StrCat(
                   "this server is for users of its machine, not for the "
                   "remote peer ",
                   remote->address)),
               nullptr);
}

}  // namespace fdrpc::program
