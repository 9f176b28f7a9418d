#ifndef FDRPC_TESTS_SERVER_FAKE_ORIGIN_H_
#define FDRPC_TESTS_SERVER_FAKE_ORIGIN_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/incoming_call.h"
#include "tests/server/fake_executor.h"

namespace fdrpc::testing {

// The connection of calls, and the parts of the server that they use, as a test
// wants them. Keeps what is sent. One thread.
class FakeOrigin final : public IncomingCall::Origin {
 public:
  // For the test to set.
  bool has_room = true;
  bool lets_linger = true;
  ServerOptions options;
  HandlerStop drains;

  // What has arrived.
  std::vector<OutgoingFrame> sent;
  int flushes = 0;
  int calls_gone = 0;
  std::set<uint32_t> ended;
  std::vector<std::shared_ptr<IncomingCall>> unstarted;

  FakeExecutor executor;
  const std::shared_ptr<Reactor> reactor =
      *Reactor::Create(absl::ZeroDuration(), Clock::Real());
  ServerCounters counters;
  ConnectionAccount account{options, nullptr};
  const ConnectedPeer peer{-1, {}};
  ClientOffer::Slot offer;
  const std::shared_ptr<LoopCore> loop;
  const CallEnvironment environment = {.clock = Clock::Real(),
                                       .executor = executor,
                                       .reactor = *reactor,
                                       .counters = counters,
                                       .account = account,
                                       .peer = peer,
                                       .draining = drains,
                                       .offer = &offer};

  FrameHeader header(size_t i) const {
    return DecodeFrameHeader(sent.at(i).head.data());
  }
  std::string payload(size_t i) const {
    return sent.at(i).head.substr(kFrameHeaderBytes);
  }

  // Implementation of IncomingCall::Origin.
  absl::Status OnOffer(IncomingFrame& frame, bool late) override {
    return offer.Take(frame, late, account, loop);
  }
  bool HasRoom() override { return has_room; }
  void StartLater(std::shared_ptr<IncomingCall> call) override {
    unstarted.push_back(std::move(call));
  }
  void StartNext() override {}
  void Enqueue(OutgoingFrames&& frames) override {
    for (OutgoingFrame& frame : frames) sent.push_back(std::move(frame));
  }
  void Flush() override { ++flushes; }
  bool LetsLinger() override { return lets_linger; }
  void EndCall(uint32_t id, OutgoingFrames end) override {
    ended.insert(id);
    Enqueue(std::move(end));
  }
  void OnCallGone(bool) override { ++calls_gone; }
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVER_FAKE_ORIGIN_H_
