#ifndef FDRPC_REFLECTION_H_
#define FDRPC_REFLECTION_H_

#include <sys/types.h>

#include <vector>

#include "fdrpc/server.h"

namespace fdrpc {

struct ReflectionOptions {
  // The server whose services are described; it has to exist as long as the one
  // that serves. Null: that one itself. Reflection on a server of its own, with
  // a socket of its own, is only for those who can connect to that.
  const Server* of = nullptr;
  // The users who may ask (PeerCredentials::uid); others get PERMISSION_DENIED.
  // Empty: everyone who can connect.
  std::vector<uid_t> users = {};
};

// Makes `server` serve gRPC's reflection, grpc.reflection.v1.ServerReflection:
// tools learn from it which services there are, and the .proto files that
// define them, with the options of fdrpc. The comments are there if the code
// was generated with REFLECTION (fdrpc_generate); files of the lite runtime
// only then. Before it serves; services may be added later.
void EnableReflection(Server& server, ReflectionOptions options = {});

}  // namespace fdrpc

#endif  // FDRPC_REFLECTION_H_
