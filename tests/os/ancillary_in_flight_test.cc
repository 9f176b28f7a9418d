// The user's limit of descriptors in flight, which applies only to unprivileged
// users.

#include <sys/resource.h>

#include <cerrno>
#include <string>

#include "gtest/gtest.h"
#include "os/ancillary.h"
#include "tests/support/child.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

enum Outcome { kAsExpected, kNotRefused, kWrongError, kNotRecovered };

TEST(AncillaryInFlightTest, TooManySendNothingUntilTheReceiverReadsSome) {
  EXPECT_EQ(
      InChild([]() -> int {
        BecomeUnprivileged();
        auto [sender, receiver] = SocketPair();
        const UniqueFd file = FileWith("");
        const rlimit few = {.rlim_cur = 20, .rlim_max = 20};
        if (setrlimit(RLIMIT_NOFILE, &few) != 0) return kNotRefused;
        std::string bytes = "x";
        const iovec piece = {bytes.data(), 1};
        const int fd = file.get();
        auto send = [&, socket = sender.get()] {
          return SendWithDescriptors(socket, {&piece, 1}, {&fd, 1});
        };
        IoResult result;
        for (int i = 0; i < 1000 && result.error == 0; ++i) {
          result = send();
        }
        if (result.error == 0) return kNotRefused;
        if (result.error != ETOOMANYREFS) return kWrongError;
        ReceivedDescriptors received;
        const iovec byte = {.iov_base = bytes.data(), .iov_len = 1};
        while (ReceiveWithDescriptors(receiver.get(), {&byte, 1}, received)
                   .error == 0) {
          received.fds.clear();
        }
        return send().error == 0 ? kAsExpected : kNotRecovered;
      }),
      kAsExpected);
}

}  // namespace
}  // namespace fdrpc::testing
