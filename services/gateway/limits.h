#ifndef FDRPC_SERVICES_GATEWAY_LIMITS_H_
#define FDRPC_SERVICES_GATEWAY_LIMITS_H_

namespace fdrpc::gateway {

// fdrpc's limit for a message; the server has its own.
inline constexpr int kMostBytes = 64 << 20;
// Of fdrpc, which is more than gRPC's own.
inline constexpr int kMostMetadata = 64 << 10;

}  // namespace fdrpc::gateway

#endif  // FDRPC_SERVICES_GATEWAY_LIMITS_H_
