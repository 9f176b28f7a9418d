#ifndef FDRPC_SERVICES_HOST_STATUS_TEXT_H_
#define FDRPC_SERVICES_HOST_STATUS_TEXT_H_

#include <string>

#include "absl/time/time.h"
#include "fdrpc/host/v1/host.pb.h"

namespace fdrpc::host {

// "running", "backing off".
std::string StateText(v1::State state);

// The services as a table with a heading, each line ended.
std::string StatusTable(const v1::ListReply& list, absl::Time now);

// All that is known of one, a fact a line.
std::string StatusText(const v1::ServiceStatus& status, absl::Time now);

// One line, for a list of changes.
std::string ChangeText(const v1::ServiceStatus& status);

// What became of each service, a line each; nothing of those without a change.
std::string ReloadText(const v1::ReloadReply& reply);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_STATUS_TEXT_H_
