#ifndef FDRPC_TESTS_SUPPORT_CLOCKED_CLIENT_H_
#define FDRPC_TESTS_SUPPORT_CLOCKED_CLIENT_H_

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "client/channel_core.h"
#include "fdrpc/caller.h"
#include "fdrpc/client_interceptor.h"
#include "gtest/gtest.h"
#include "loop/loop_core.h"
#include "os/local_socket.h"
#include "os/unix_address.h"
#include "tests/support/manual_clock.h"
#include "transport/ring_policy.h"
#include "transport/socket_transport.h"

namespace fdrpc::testing {

// Channels that go by a clock of the test's, and the loop of their callbacks
// and coroutines, which runs on a thread of its own.
class ClockedClient {
 public:
  explicit ClockedClient(
      ManualClock::Between between = ManualClock::Between::kStandsStill)
      : clock_(between) {}
  ~ClockedClient() { loop_->Stop(); }

  ManualClock& clock() { return clock_; }
  // What stubs call through, with the interceptors of the options. It polls for
  // nothing busily.
  std::shared_ptr<Caller> NewChannel(Reconnector::Connector connector,
                                     ChannelOptions options = {}) {
    options.max_busy_poll = absl::ZeroDuration();
    return Intercept(options.interceptors,
                     std::make_shared<ChannelCore>(std::move(connector),
                                                   options, loop_, clock_));
  }
  std::shared_ptr<Caller> NewChannel(const std::string& address,
                                     const ChannelOptions& options = {}) {
    return NewChannel(
        [server = *UnixAddress::Parse(address), rings = RingPolicy(options)]()
            -> absl::StatusOr<std::unique_ptr<Transport>> {
          absl::StatusOr<UniqueFd> socket = ConnectSocket(server);
          if (!socket.ok()) return socket.status();
          if (!socket->ok()) return nullptr;
          return rings.Apply(
              CreateSocketTransport(*std::move(socket),
                                    ConnectionType(server.type())),
              Side::kClient);
        },
        options);
  }
  // Returns once the loop has done what it does at the time that it is.
  void LetLoopLook() {
    // The first may run in a batch that had looked at the time before.
    for (int i = 0; i < 2; ++i) {
      std::promise<void> ran;
      loop_->Post([&] { ran.set_value(); });
      ran.get_future().wait();
    }
  }

 private:
  ManualClock clock_;
  const std::shared_ptr<LoopCore> loop_ =
      *LoopCore::Create(absl::ZeroDuration(), clock_);
  std::jthread running_{[this] { loop_->Run(); }};
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_CLOCKED_CLIENT_H_
