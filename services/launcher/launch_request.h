#ifndef FDRPC_SERVICES_LAUNCHER_LAUNCH_REQUEST_H_
#define FDRPC_SERVICES_LAUNCHER_LAUNCH_REQUEST_H_

#include "absl/status/statusor.h"
#include "fdrpc/launcher/v1/launcher.fdrpc.h"
#include "fdrpc/peer_credentials.h"
#include "services/launcher/launch_policy.h"
#include "services/process/process_spec.h"

namespace fdrpc::launcher {

// What a request asks for, checked. Borrows the request's descriptors.
// INVALID_ARGUMENT names the field that is wrong; PERMISSION_DENIED as the
// policy says. `open_files` is the limit of processes that ask for none: the
// launcher's own may have been raised for its descriptors.
absl::StatusOr<process::ProcessSpec> SpecFor(
    const Parcel<v1::LaunchRequest>& request, const PeerCredentials& caller,
    const LaunchPolicy& policy, const rlimit& open_files);

}  // namespace fdrpc::launcher

#endif  // FDRPC_SERVICES_LAUNCHER_LAUNCH_REQUEST_H_
