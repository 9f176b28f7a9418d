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

// What the server of a connection has said of itself: its hello, with what it
// takes, and its go-away, with the last call that it takes.
class ServerTerms {
 public:
  // The hello. Before it the server takes what every server does.
  void OnHello(const Hello& hello);
  bool has_hello() const { return has_hello_; }
  uint32_t max_calls() const { return hello_.max_calls; }
  // The credit that each stream of requests begins with.
  Credit initial_credit() const;

  // Whether the server takes a message of that size, as far as it is known.
  bool Takes(size_t bytes, size_t descriptors) const {
    return bytes <= hello_.max_message_bytes &&
           descriptors <= hello_.max_descriptors;
  }
  // Whether one that it does not take may be taken once its hello is here.
  bool MayTakeMore() const { return !has_hello_; }
  // RESOURCE_EXHAUSTED if the server does not take it and has said so.
  absl::Status CheckSize(size_t bytes, size_t descriptors) const;

  // A go-away. INVALID_ARGUMENT if it takes back what one before it has said.
  absl::Status OnGoAway(uint32_t last_call_id, std::string_view reason);
  bool goes_away() const { return !go_away_.ok(); }
  // Why it goes; OK if it does not.
  const absl::Status& go_away() const { return go_away_; }
  bool TakesCall(uint32_t call_id) const { return call_id <= last_call_id_; }

  // What is to be told of the connection's end: with what the server has said.
  absl::Status WithReason(const absl::Status& why) const;

 private:
  bool has_hello_ = false;
  Hello hello_;
  absl::Status go_away_;
  uint32_t last_call_id_ = kLastCallId;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_SERVER_TERMS_H_
