#ifndef FDRPC_TESTS_SERVER_FAKE_ORIGIN_H_
#define FDRPC_TESTS_SERVER_FAKE_ORIGIN_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "call/continuation_queue.h"
#include "server/incoming_call.h"

namespace fdrpc::testing {

// The connection and the threads of calls, as a test wants them: what is posted
// runs when the test says so, what is sent is kept. One thread.
class FakeOrigin final : public IncomingCall::Origin, public CallRunner {
 public:
  // What a test may set.
  Hello client_hello;
  bool has_room = true;
  bool lets_linger = true;
  absl::Status charge_result;
  std::stop_source drains;

  // What came.
  std::vector<OutgoingFrame> sent;
  int flushes = 0;
  int calls_gone = 0;
  int one_way_errors = 0;
  std::atomic<int> blocks = 0;
  std::set<uint32_t> ended;
  std::vector<std::shared_ptr<IncomingCall>> unstarted;
  std::set<const IncomingCall*> watched;
  size_t held_bytes = 0;
  size_t held_descriptors = 0;

  FrameHeader header(size_t i) const {
    return DecodeFrameHeader(sent.at(i).head.data());
  }
  std::string payload(size_t i) const {
    return sent.at(i).head.substr(kFrameHeaderBytes);
  }
  // Runs what is posted, also what that posts. How much it was.
  int RunPosted() {
    int count = 0;
    while (Continuation* next = posted_.PopFront()) {
      next->Run();
      ++count;
    }
    return count;
  }
  bool nothing_posted() const { return posted_.empty(); }

  // IncomingCall::Origin.
  const PeerCredentials& peer() const override { return peer_; }
  absl::StatusOr<UniqueFd> OpenPeerPidfd() const override {
    return absl::UnimplementedError("there is no peer");
  }
  const Hello& client() const override { return client_hello; }
  CallRunner& runner() override { return *this; }
  std::stop_token draining_token() override { return drains.get_token(); }
  absl::Status Charge(size_t bytes, size_t descriptors) override {
    if (!charge_result.ok()) return charge_result;
    held_bytes += bytes;
    held_descriptors += descriptors;
    return absl::OkStatus();
  }
  void Release(size_t bytes, size_t descriptors) override {
    held_bytes -= bytes;
    held_descriptors -= descriptors;
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
  void OnHandlerEnded() override {}
  void OnOneWayError() override { ++one_way_errors; }
  void OnCallGone(bool) override { ++calls_gone; }

  // CallRunner.
  void Post(Continuation& continuation) override {
    posted_.PushBack(continuation);
  }
  bool TakeBack(Continuation& continuation) override {
    return posted_.Remove(continuation);
  }
  bool PutOff(std::shared_ptr<PutOffWrite>) override { return false; }
  bool Park(Parker& parker, MonotonicTime deadline) override {
    ++blocks;
    return parker.Park(deadline);
  }
  bool PollsInPark() const override { return false; }
  void OnGiven(Parker::Was, bool) override {}
  void PostUrgently(Continuation& continuation) override { Post(continuation); }
  void WatchDeadline(IncomingCall& call) override { watched.insert(&call); }
  void ForgetDeadline(IncomingCall& call) override { watched.erase(&call); }

 private:
  PeerCredentials peer_;
  ContinuationQueue posted_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVER_FAKE_ORIGIN_H_
