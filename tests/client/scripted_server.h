#ifndef FDRPC_TESTS_CLIENT_SCRIPTED_SERVER_H_
#define FDRPC_TESTS_CLIENT_SCRIPTED_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "connection/frame_builder.h"
#include "gtest/gtest.h"
#include "os/wait_ready.h"
#include "os/wakeup.h"
#include "tests/support/test_service.h"
#include "tests/transport/frames.h"
#include "transport/transport.h"

namespace fdrpc::testing {

// The server's end of a loopback, driven by the test.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::unique_ptr<Transport> transport)
      : transport_(std::move(transport)), never_(*Wakeup::Create()) {}

  // The next frame of that type; others before it are dropped.
  FrameHeader Await(FrameType type) {
    while (true) {
      IncomingFrame frame;
      while (transport_->Next(frame).outcome ==
             Transport::NextOutcome::kFrame) {
        if (frame.header.type == static_cast<uint8_t>(type)) {
          return frame.header;
        }
      }
      WaitReady(transport_->pollable_fd(), false, never_.fd(), kNoDeadline);
      if (transport_->Receive().outcome == Transport::ReceiveOutcome::kClosed) {
        ADD_FAILURE() << "the client closed the connection";
        return {};
      }
    }
  }
  void Send(OutgoingFrames frames) {
    EXPECT_EQ(transport_->Send(ToSend(frames)).sent, frames.size());
  }
  void Send(OutgoingFrame frame) {
    OutgoingFrames frames;
    frames.push_back(std::move(frame));
    Send(std::move(frames));
  }
  void SayHello(const Hello& hello = {}) { Send(BuildHello(hello)); }
  void Reply(uint32_t call_id, const std::string& text) {
    Text reply;
    reply.set_text(text);
    const OutgoingMessage sent(reply);
    Send(BuildStatus(call_id, absl::OkStatus(), {}, {}, &sent, {}));
  }
  void Close() { transport_->Shutdown(); }
  // Takes nothing more.
  void EndReceiving() { transport_->ShutdownReceive(); }

 private:
  const std::unique_ptr<Transport> transport_;
  const Wakeup never_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CLIENT_SCRIPTED_SERVER_H_
