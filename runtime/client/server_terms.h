#ifndef FDRPC_CLIENT_SERVER_TERMS_H_
#define FDRPC_CLIENT_SERVER_TERMS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "call/credit.h"
#include "wire/hello.h"
#include "wire/limits.h"

namespace fdrpc {

// What the server of a connection has announced: in its hello, what it accepts,
// and in its go-away, the last call that it accepts.
class ServerTerms {
 public:
  // Before the hello, the values that every server accepts apply.
  void OnHello(const Hello& hello);
  bool has_hello() const { return has_hello_; }
  uint32_t max_calls() const { return hello_.max_calls; }
  // The credit with which each stream of requests begins.
  Credit initial_credit() const;

  // Whether the server accepts a message of that size, as far as known.
  bool Takes(size_t bytes, size_t descriptors) const {
    return bytes <= hello_.max_message_bytes &&
           descriptors <= hello_.max_descriptors;
  }
  // Whether it may accept larger ones once its hello has arrived.
  bool MayTakeMore() const { return !has_hello_; }
  // RESOURCE_EXHAUSTED if the server's hello has arrived and does not allow
  // that size.
  absl::Status CheckSize(size_t bytes, size_t descriptors) const;

  // INVALID_ARGUMENT if the go-away contradicts an earlier one.
  absl::Status OnGoAway(uint32_t last_call_id, std::string_view reason);
  bool goes_away() const { return !go_away_.ok(); }
  // Why it goes; OK if it does not.
  const absl::Status& go_away() const { return go_away_; }
  bool TakesCall(uint32_t call_id) const { return call_id <= last_call_id_; }

  // `why` as the reason of the connection's end, with what the server has said.
  absl::Status WithReason(const absl::Status& why) const;

 private:
  bool has_hello_ = false;
  Hello hello_;
  absl::Status go_away_;
  uint32_t last_call_id_ = kLastCallId;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_SERVER_TERMS_H_
