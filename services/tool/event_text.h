#ifndef FDRPC_SERVICES_TOOL_EVENT_TEXT_H_
#define FDRPC_SERVICES_TOOL_EVENT_TEXT_H_

#include <cstdint>
#include <string>

#include "services/capture/event_reader.h"
#include "services/tool/message_types.h"

namespace fdrpc::tool {

// Lines for people. One for each event, and one for each descriptor of a
// message; the time is in seconds since `start_ns`.
std::string EventLines(const capture::Event& event, uint64_t start_ns,
                       MessageTypes& types);

// A JSON object, in one line.
std::string EventJson(const capture::Event& event, MessageTypes& types);

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_EVENT_TEXT_H_
