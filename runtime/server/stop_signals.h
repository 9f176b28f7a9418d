#ifndef FDRPC_SERVER_STOP_SIGNALS_H_
#define FDRPC_SERVER_STOP_SIGNALS_H_

#include <csignal>

namespace fdrpc {

class ServerCore;

// While it lives, SIGTERM and SIGINT ask a server to stop, unless they are
// ignored; then the handlers that were there before are back. One at a time in
// a process: a second is a programmer's error.
class StopSignals {
 public:
  explicit StopSignals(ServerCore& server);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  static void Handle(int signal, struct sigaction& former);

  struct sigaction former_term_ = {};
  struct sigaction former_int_ = {};
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_STOP_SIGNALS_H_
