#include "client/channel_lock.h"

#include "client/client_connection.h"

namespace fdrpc {

template void DeferringLock<ClientSide>::DoDeferred();

}  // namespace fdrpc
