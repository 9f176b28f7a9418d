#ifndef FDRPC_SERVER_CALL_TERMS_H_
#define FDRPC_SERVER_CALL_TERMS_H_

#include <cstdint>

#include "base/monotonic_time.h"
#include "fdrpc/server.h"
#include "server/incoming_call.h"
#include "server/service_registry.h"
#include "wire/open_header.h"

namespace fdrpc {

// The terms of a call that follow from its open frame, of which it takes the
// metadata, and the server's options. Those of the replies are the client's.
IncomingCall::Terms TermsOfRequest(uint32_t id, const RegisteredMethod& method,
                                   OpenHeader& open,
                                   const ServerOptions& options,
                                   const Clock& clock);

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_TERMS_H_
