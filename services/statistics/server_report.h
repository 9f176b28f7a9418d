#ifndef FDRPC_SERVICES_STATISTICS_SERVER_REPORT_H_
#define FDRPC_SERVICES_STATISTICS_SERVER_REPORT_H_

#include "fdrpc/server.h"
#include "fdrpc/statistics/v1/statistics.fdrpc.h"

namespace fdrpc {

// What a server does at present, as the statistics service replies it.
statistics::v1::GetReply ReportOf(const Server& server);

}  // namespace fdrpc

#endif  // FDRPC_SERVICES_STATISTICS_SERVER_REPORT_H_
