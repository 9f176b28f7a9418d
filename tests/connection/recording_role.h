#ifndef FDRPC_TESTS_CONNECTION_RECORDING_ROLE_H_
#define FDRPC_TESTS_CONNECTION_RECORDING_ROLE_H_

#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "connection/connection.h"
#include "tests/transport/frames.h"

namespace fdrpc::testing {

// Records what a connection tells its role. Read it only when no other thread
// uses the connection.
class RecordingRole final : public Connection::Role {
 public:
  struct Unsent {
    OutgoingFrame frame;
    absl::Status why;
  };

  std::vector<Hello> hellos;
  std::vector<ReceivedFrame> frames;
  std::vector<uint32_t> pongs;
  std::vector<Unsent> unsent;
  std::vector<absl::Status> sending_ended;
  std::vector<absl::Status> closed;
  int blocked_changes = 0;
  int rooms = 0;
  // What happened, in order: "unsent 7", "closed".
  std::vector<std::string> events;

  // What the test does meanwhile; no lock is held.
  std::function<absl::Status(const FrameHeader&)> on_frame;
  std::function<void()> on_unsent;
  std::function<void()> on_room;
  std::function<void()> on_closed;

 private:
  void OnHello(const Hello& hello) override {
    std::lock_guard lock(mutex_);
    hellos.push_back(hello);
  }
  absl::Status OnFrame(IncomingFrame& frame) override {
    {
      std::lock_guard lock(mutex_);
      frames.push_back({frame.header, std::string(frame.payload),
                        std::move(frame.descriptors),
                        frame.descriptors_truncated});
    }
    return on_frame ? on_frame(frame.header) : absl::OkStatus();
  }
  void OnPong(uint32_t argument) override {
    std::lock_guard lock(mutex_);
    pongs.push_back(argument);
  }
  void OnUnsent(OutgoingFrame frame, const absl::Status& why) override {
    {
      std::lock_guard lock(mutex_);
      events.push_back("unsent " + std::to_string(frame.call_id));
      unsent.push_back({std::move(frame), why});
    }
    if (on_unsent) on_unsent();
  }
  void OnSent(uint32_t call_id) override {
    std::lock_guard lock(mutex_);
    events.push_back("sent " + std::to_string(call_id));
  }
  void OnSendingEnded(const absl::Status& why) override {
    std::lock_guard lock(mutex_);
    events.push_back("sending ended");
    sending_ended.push_back(why);
  }
  void OnWriteBlockedChanged() override {
    std::lock_guard lock(mutex_);
    ++blocked_changes;
  }
  void OnRoom() override {
    {
      std::lock_guard lock(mutex_);
      ++rooms;
    }
    if (on_room) on_room();
  }
  void OnClosed(const absl::Status& why) override {
    {
      std::lock_guard lock(mutex_);
      events.push_back("closed");
      closed.push_back(why);
    }
    if (on_closed) on_closed();
  }

  std::mutex mutex_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CONNECTION_RECORDING_ROLE_H_
