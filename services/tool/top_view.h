#ifndef FDRPC_SERVICES_TOOL_TOP_VIEW_H_
#define FDRPC_SERVICES_TOOL_TOP_VIEW_H_

#include <string>

#include "fdrpc/statistics/v1/statistics.fdrpc.h"

namespace fdrpc::tool {

// What `fdrpc top` shows: tables of the methods, connections and users of a
// server. With `before`, an earlier reply of the same server, rates and
// latencies are those between the two; without it (null), there are no rates,
// and latencies are those of all calls.
std::string TopText(const statistics::v1::GetReply& now,
                    const statistics::v1::GetReply* before);

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_TOP_VIEW_H_
