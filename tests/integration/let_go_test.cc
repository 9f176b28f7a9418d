// Calls whose last handle is destroyed while something is pending: the call
// ends, and what is pending is told.

#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fdrpc/alarm.h"
#include "fdrpc/async_client_stream.h"
#include "fdrpc/async_server_stream.h"
#include "fdrpc/task.h"
#include "gtest/gtest.h"
#include "tests/integration/served_by_fixture.h"

namespace fdrpc::testing {
namespace {

// Keeps the handles of its calls and does nothing.
class Silent final : public TestService::AsyncService {
 public:
  void Watch(AsyncServerWriter<Text, Text> call) override { Keep(call); }
  void Collect(AsyncServerReader<Text, Text> call) override { Keep(call); }
  void Chat(AsyncServerStream<Text, Text> call) override { Keep(call); }

  // Releases the handles: the server waits for them at its end.
  void LetGo() {
    const std::lock_guard lock(mu_);
    keeps_ = false;
    kept_.clear();
  }

 private:
  template <typename Call>
  void Keep(Call call) {
    const std::lock_guard lock(mu_);
    if (keeps_) kept_.emplace_back([call] {});
  }

  std::mutex mu_;
  bool keeps_ = true;
  std::vector<std::function<void()>> kept_;
};

class LetGoTest : public ServedByFixture<Silent> {
 protected:
  // The process's loop stays, and does not count as a descriptor that a test
  // leaves open.
  static void SetUpTestSuite() { ASSERT_TRUE(Alarm::Create().ok()); }

  ~LetGoTest() override { service_.LetGo(); }

  // Notes a status.
  auto Note(std::promise<absl::Status>& to) {
    return [&to](auto result) {
      if constexpr (std::is_same_v<decltype(result), absl::Status>) {
        to.set_value(std::move(result));
      } else {
        to.set_value(result.status());
      }
    };
  }
  static void ExpectCancelled(std::promise<absl::Status>& told) {
    const absl::Status status = told.get_future().get();
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
  }
};
INSTANTIATE_TEST_SUITE_P(Over, LetGoTest, kAllSchemes, SchemeName);

TEST_P(LetGoTest, APendingFinishIsCancelled) {
  std::promise<absl::Status> watch;
  std::promise<absl::Status> collect;
  std::promise<absl::Status> chat;
  stub_->async().Watch(Text()).Finish(Note(watch));
  stub_->async().Collect().Finish(Note(collect));
  stub_->async().Chat().Finish(Note(chat));
  for (auto* told : {&watch, &collect, &chat}) ExpectCancelled(*told);
}

TEST_P(LetGoTest, AFinishIsCancelledWhetherOrNotTheCallHasBegun) {
  const CallOptions options = {.wait_for_ready = true};
  TestService::Stub away(*Channel::Connect(dir_.address("nobody", GetParam())));
  std::promise<absl::Status> watch;
  std::promise<absl::Status> collect;
  std::promise<absl::Status> chat;
  away.async().Watch(Text(), options).Finish(Note(watch));
  away.async().Collect(options).Finish(Note(collect));
  away.async().Chat(options).Finish(Note(chat));
  for (auto* told : {&watch, &collect, &chat}) ExpectCancelled(*told);
}

TEST_P(LetGoTest, APendingReadAndHeadersEnd) {
  std::promise<bool> read;
  std::promise<bool> headers;
  {
    auto watch = stub_->async().Watch(Text());
    watch.Read(
        [&](std::optional<Text> reply) { read.set_value(reply.has_value()); });
    watch.headers([&](const Metadata& metadata) {
      headers.set_value(metadata.begin() != metadata.end());
    });
  }
  EXPECT_FALSE(read.get_future().get());
  EXPECT_FALSE(headers.get_future().get());
}

TEST_P(LetGoTest, APendingWriteEnds) {
  std::promise<bool> written;
  {
    auto chat = stub_->async().Chat();
    // More than the window: one of these waits.
    Text request;
    request.set_data(std::string(300'000, 'x'));
    std::promise<bool> first;
    chat.Write(request, [&](bool sent) { first.set_value(sent); });
    EXPECT_TRUE(first.get_future().get());
    chat.Write(request, [&](bool sent) { written.set_value(sent); });
  }
  written.get_future().wait();
}

TEST_P(LetGoTest, AHandleThatACallbackHasCapturedKeepsTheCall) {
  std::promise<absl::Status> told;
  std::promise<std::function<void()>> cancel;
  {
    auto watch = stub_->async().Watch(Text());
    watch.Finish([&, watch](absl::Status status) { told.set_value(status); });
    stub_->async().Chat().Read([&, watch](std::optional<Text>) mutable {
      cancel.set_value([watch]() mutable { watch.Cancel(); });
    });
  }
  // The other call has been released, this one has not.
  cancel.get_future().get()();
  ExpectCancelled(told);
}

TEST_P(LetGoTest, ACoroutineThatWaitsHearsThatItsStreamHasGone) {
  std::promise<absl::Status> told[3];
  std::promise<bool> read;
  auto finish = [](auto& stream,
                   std::promise<absl::Status>& to) -> internal::DetachedTask {
    auto pending = stream.Finish();
    auto status = co_await pending;
    if constexpr (std::is_same_v<decltype(status), absl::Status>) {
      to.set_value(status);
    } else {
      to.set_value(status.status());
    }
  };
  {
    auto watch = stub_->co().Watch(Text());
    auto collect = stub_->co().Collect();
    auto chat = stub_->co().Chat();
    auto other = stub_->co().Watch(Text());
    finish(watch, told[0]);
    finish(collect, told[1]);
    finish(chat, told[2]);
    [](auto& stream, std::promise<bool>& to) -> internal::DetachedTask {
      auto reply = co_await stream.Read();
      to.set_value(reply.has_value());
    }(other, read);
  }
  for (auto& each : told) ExpectCancelled(each);
  EXPECT_FALSE(read.get_future().get());
}

}  // namespace
}  // namespace fdrpc::testing
