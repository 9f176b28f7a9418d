#ifndef FDRPC_BENCH_RAW_SOCKET_H_
#define FDRPC_BENCH_RAW_SOCKET_H_

#include <functional>
#include <string_view>

namespace fdrpc::bench {

// Blocking stream sockets at paths, for systems that use no RPC. What fails
// ends the process, with a message.

// A socket that is connected to the server at `path`, which the caller owns.
int ConnectTo(std::string_view path);

// Listens at `path`, says so with Ready(), and calls `serve`, each time on a
// thread of its own, with each connection, which `serve` owns.
[[noreturn]] void ServeEach(std::string_view path,
                            const std::function<void(int socket)>& serve);

}  // namespace fdrpc::bench

#endif  // FDRPC_BENCH_RAW_SOCKET_H_
