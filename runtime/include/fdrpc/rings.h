#ifndef FDRPC_RINGS_H_
#define FDRPC_RINGS_H_

namespace fdrpc {

// When the connections of a channel or a server use rings in shared memory
// beside their sockets (docs/guide/speed.md). Calls are the same with and
// without. Both sides must allow them. Whatever keeps a connection from having
// rings (a peer without them, a limit, a seccomp(2) filter) leaves it on its
// socket, without an error.
enum class Rings {
  kOff,
  // The default. A connection that is busy, if there is more than one CPU; they
  // are given back when it has been idle for a while.
  kAutomatic,
  // Every connection, from its beginning.
  kAtOnce,
};

}  // namespace fdrpc

#endif  // FDRPC_RINGS_H_
