#ifndef FDRPC_SERVER_CLIENT_FRAMES_H_
#define FDRPC_SERVER_CLIENT_FRAMES_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/server.h"
#include "server/call_environment.h"
#include "server/call_table.h"
#include "server/connection_drain.h"
#include "server/incoming_call.h"
#include "server/named_methods.h"
#include "transport/frame.h"
#include "wire/hello.h"
#include "wire/open_header.h"

namespace fdrpc {

// Handles what a client sends on one connection, frame by frame: makes calls of
// open frames, and passes what follows to them. For the reading thread. Owns no
// calls.
class ClientFrames {
 public:
  // Borrows all of them.
  ClientFrames(const ServerOptions& options, const ServiceRegistry& registry,
               const CallEnvironment& environment, CallTable& calls,
               ConnectionDrain& drain)
      : options_(options),
        environment_(environment),
        calls_(calls),
        drain_(drain),
        methods_(registry) {}

  void OnHello(const Hello& hello) { client_ = hello; }
  // An error says how the client broke the protocol. `origin` is that of the
  // calls.
  absl::Status OnFrame(IncomingFrame& frame, IncomingCall::Origin& origin);

  // Of the calls that were accepted.
  uint32_t last_call_id() const { return last_call_id_; }
  // Whether an incomplete request has begun since the last question.
  bool TakeIncomplete() { return std::exchange(incomplete_, false); }

 private:
  absl::Status OnOpen(IncomingFrame& frame, IncomingCall::Origin& origin);
  absl::Status OnMessage(IncomingFrame& frame);
  absl::Status OnCredit(const IncomingFrame& frame);
  absl::Status OnCancel(const IncomingFrame& frame);
  // An error if no call with that id was ever opened.
  absl::Status CheckOpened(uint32_t call_id) const;
  // Makes the call of an open frame, unless the method or a limit prevents it.
  absl::StatusOr<std::shared_ptr<IncomingCall>> MakeCall(
      const IncomingFrame& frame,
      const absl::StatusOr<RegisteredMethod>& method, OpenHeader& open,
      IncomingCall::Origin& origin);
  IncomingCall::Terms TermsOf(uint32_t id, const RegisteredMethod& method,
                              OpenHeader& open) const;
  absl::Status Deliver(IncomingCall& call, IncomingFrame& frame,
                       std::string_view piece);

  const ServerOptions& options_;
  const CallEnvironment& environment_;
  CallTable& calls_;
  ConnectionDrain& drain_;
  NamedMethods methods_;
  Hello client_;
  uint32_t last_call_id_ = 0;
  bool incomplete_ = false;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CLIENT_FRAMES_H_
