#ifndef FDRPC_SERVICES_HOST_END_TEXT_H_
#define FDRPC_SERVICES_HOST_END_TEXT_H_

#include <string>

#include "fdrpc/host/v1/keeper.pb.h"

namespace fdrpc::host {

// "exited with status 1", "was killed by SIGSEGV, and dumped core".
std::string EndText(const v1::Event::Ended& ended);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_END_TEXT_H_
