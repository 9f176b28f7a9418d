#ifndef FDRPC_PROMETHEUS_H_
#define FDRPC_PROMETHEUS_H_

#include <string>

#include "fdrpc/server.h"
#include "fdrpc/statistics/v1/statistics.fdrpc.h"

namespace fdrpc {

// What a server has counted, in Prometheus' text format (version 0.0.4), for
// whatever the program serves or writes it with: calls by method and status, a
// histogram of their latencies, and what each user holds of which limits. The
// calls are there if they are counted: Server::CountCalls(), or
// EnableStatistics(). Costs about as much as a call of the statistics service.
// From any thread.
std::string PrometheusText(const Server& server);
// The same of what a statistics service has replied.
std::string PrometheusText(const statistics::v1::GetReply& reply);

}  // namespace fdrpc

#endif  // FDRPC_PROMETHEUS_H_
