#include "client/channel_lock.h"

#include "client/batched_writer.h"

namespace fdrpc {

template void DeferringLock<ClientSide>::DoDeferred();

}  // namespace fdrpc
