#ifndef FDRPC_SERVER_CALL_RECORD_H_
#define FDRPC_SERVER_CALL_RECORD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "base/monotonic_time.h"
#include "connection/trace_text.h"
#include "fdrpc/peer_credentials.h"
#include "os/call_probes.h"
#include "server/method_counters.h"
#include "server/service_registry.h"

namespace fdrpc {

// What is written and counted of a call that a server serves, at its beginning
// and its end: for FDRPC_TRACE, probes, and Server::activity(). Not
// synchronised.
class CallRecord {
 public:
  // `id` is the call's on its connection. Borrows `clock`.
  CallRecord(const RegisteredMethod& method, const Clock& clock, uint32_t id,
             const PeerCredentials& peer)
      : name_(method.handler->method->full_name),
        counters_(method.counters),
        clock_(clock),
        trace_(Side::kServer, name_, [id, &peer] { return Text(id, peer); }) {
    ProbeServerCallStart(this, name_);
    if (counters_ == nullptr) return;
    began_ = clock_.Now();
    counters_->OnBegin();
  }
  CallRecord(const CallRecord&) = delete;
  CallRecord& operator=(const CallRecord&) = delete;

  // The end; a second one does nothing.
  void End(const absl::Status& status) {
    if (std::exchange(ended_, true)) return;
    trace_.End(name_, status);
    ProbeServerCallEnd(this, name_, status);
    if (counters_ == nullptr) return;
    counters_->OnEnd(status.code(), absl::FromChrono(clock_.Now() - began_));
  }

  // A call that is refused before there is an object for it. `method` is what
  // its client has called it; `known` is null if there is no such method.
  static void Refused(std::string_view method, const RegisteredMethod* known,
                      const absl::Status& why) {
    CallTrace::Refused(method, why);
    ProbeServerCallStart(&why, method);
    ProbeServerCallEnd(&why, method, why);
    if (known == nullptr || known->counters == nullptr) return;
    known->counters->OnBegin();
    known->counters->OnEnd(why.code(), absl::ZeroDuration());
  }

 private:
  static std::string Text(uint32_t id, const PeerCredentials& peer);

  const std::string_view name_;
  MethodCounters* const counters_;  // null: it is not counted
  const Clock& clock_;
  CallTrace trace_;
  MonotonicTime began_;
  bool ended_ = false;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_RECORD_H_
