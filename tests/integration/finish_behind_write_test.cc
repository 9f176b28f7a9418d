// A handler with callbacks that ends its call while a Write() is pending: the
// reply is sent before the status.

#include <future>
#include <optional>
#include <string>
#include <utility>

#include "fdrpc/async_server_stream.h"
#include "gtest/gtest.h"
#include "tests/integration/served_by_fixture.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

// Writes a reply that uses up the window, one that waits for credit, and one
// whose Write() waits for that when the call is to end.
class Hasty final : public TestService::AsyncService {
 public:
  void Watch(AsyncServerWriter<Text, Text> call) override { Begin(call); }
  void Chat(AsyncServerStream<Text, Text> call) override { Begin(call); }

  std::promise<void> finished;
  // Of the last one: whether it was taken over.
  std::promise<bool> written;

 private:
  template <typename Call>
  void Begin(Call call) {
    Text large;
    large.set_data(std::string(1u << 20, 'x'));
    call.Write(large, [this, call](bool) mutable {
      call.Write(TextOf("waits"), [this, call](bool) mutable { End(call); });
    });
  }
  template <typename Call>
  void End(Call call) {
    call.Write(TextOf("last"), [this, call](bool sent) mutable {
      call.Write(Text(), [this, sent](bool more) {
        EXPECT_FALSE(more) << "the call has ended";
        written.set_value(sent);
      });
    });
    call.Finish(absl::AbortedError("behind it"));
    // The first one counts.
    call.Finish(absl::OkStatus());
    finished.set_value();
  }
};

class FinishBehindWriteTest : public ServedByFixture<Hasty> {
 protected:
  template <typename Stream>
  void ExpectReplyBeforeStatus(Stream stream) {
    service_.finished.get_future().wait();
    EXPECT_EQ(stream.Read().value().data().size(), 1u << 20);
    EXPECT_EQ(stream.Read().value().text(), "waits");
    EXPECT_EQ(stream.Read().value().text(), "last");
    EXPECT_FALSE(stream.Read().has_value());
    const absl::Status end = stream.Finish();
    EXPECT_EQ(end.code(), absl::StatusCode::kAborted) << end;
    EXPECT_TRUE(service_.written.get_future().get());
  }
};
INSTANTIATE_TEST_SUITE_P(Over, FinishBehindWriteTest, kAllSchemes, SchemeName);

TEST_P(FinishBehindWriteTest, OfAStreamOfReplies) {
  ExpectReplyBeforeStatus(stub_->Watch(Text()));
}

TEST_P(FinishBehindWriteTest, OfAStreamBothWays) {
  ExpectReplyBeforeStatus(stub_->Chat());
}

TEST_P(FinishBehindWriteTest, OrTheWriteFailsWithTheCall) {
  std::optional stream = stub_->Watch(Text());
  service_.finished.get_future().wait();
  stream.reset();
  EXPECT_FALSE(service_.written.get_future().get());
}

}  // namespace
}  // namespace fdrpc::testing
