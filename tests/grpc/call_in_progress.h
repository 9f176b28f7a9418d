#ifndef FDRPC_TESTS_GRPC_CALL_IN_PROGRESS_H_
#define FDRPC_TESTS_GRPC_CALL_IN_PROGRESS_H_

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "fdrpc/client_stream.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

// A call of the test service that echoes messages, while its server, or what is
// between them, ends or changes.
class CallInProgress {
 public:
  // A first message has come back.
  explicit CallInProgress(const TestService::Stub& stub)
      : stream_(stub.Chat()) {
    ExpectEcho("a");
  }

  // To its own end, in order.
  void ExpectToContinue() {
    ExpectEcho("b");
    stream_.WritesDone();
    EXPECT_EQ(stream_.Finish(), absl::OkStatus());
  }
  // Its status, after an end that its client has not asked for.
  absl::Status AwaitEnd() {
    EXPECT_FALSE(stream_.Read().has_value());
    return stream_.Finish();
  }

 private:
  void ExpectEcho(const std::string& text) {
    EXPECT_TRUE(stream_.Write(TextOf(text)));
    const std::optional<Text> reply = stream_.Read();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->text(), text);
  }

  ClientStream<Text, Text> stream_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_GRPC_CALL_IN_PROGRESS_H_
