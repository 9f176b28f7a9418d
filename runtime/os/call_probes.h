#ifndef FDRPC_OS_CALL_PROBES_H_
#define FDRPC_OS_CALL_PROBES_H_

#include <string_view>

#include "absl/status/status.h"

// The arguments are evaluated with and without probes.
#ifdef FDRPC_USDT
#include <sys/sdt.h>
#define FDRPC_PROBE3(name, a, b, c) STAP_PROBE3(fdrpc, name, a, b, c)
#define FDRPC_PROBE4(name, a, b, c, d) STAP_PROBE4(fdrpc, name, a, b, c, d)
#else
#define FDRPC_PROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#define FDRPC_PROBE4(name, a, b, c, d) \
  ((void)(a), (void)(b), (void)(c), (void)(d))
#endif

namespace fdrpc {

// Static probes (USDT) at the beginning and the end of each call, for perf,
// bpftrace and their like (docs/guide/tracing.md). One that nobody watches is a
// nop instruction. `call` is the same at a call's beginning and its end.

inline void ProbeClientCallStart(const void* call, std::string_view method) {
  FDRPC_PROBE3(client_call_start, call, method.data(), method.size());
}
inline void ProbeServerCallStart(const void* call, std::string_view method) {
  FDRPC_PROBE3(server_call_start, call, method.data(), method.size());
}
inline void ProbeClientCallEnd(const void* call, std::string_view method,
                               const absl::Status& status) {
  const int code = status.ok() ? 0 : static_cast<int>(status.code());
  FDRPC_PROBE4(client_call_end, call, method.data(), method.size(), code);
}
inline void ProbeServerCallEnd(const void* call, std::string_view method,
                               const absl::Status& status) {
  const int code = status.ok() ? 0 : static_cast<int>(status.code());
  FDRPC_PROBE4(server_call_end, call, method.data(), method.size(), code);
}

}  // namespace fdrpc

#endif  // FDRPC_OS_CALL_PROBES_H_
