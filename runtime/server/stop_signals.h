#ifndef FDRPC_SERVER_STOP_SIGNALS_H_
#define FDRPC_SERVER_STOP_SIGNALS_H_

namespace fdrpc {

class ServerCore;

// During its lifetime, SIGTERM and SIGINT ask a server to stop, unless they
// were ignored before. Then the former handlers are restored, as they are in a
// child for the first such signal. One at a time in a process: a second is a
// programmer's error.
class StopSignals {
 public:
  explicit StopSignals(ServerCore& server);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_STOP_SIGNALS_H_
