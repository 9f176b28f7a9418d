// Handlers that throw, in all forms.

#include <stdexcept>
#include <utility>

#include "fdrpc/task.h"
#include "tests/calls/calls_fixture.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ExceptionsTest : public CallsTest {
 protected:
  static void ExpectThrew(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnknown) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("exception"));
    // What was thrown is the server's business.
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("thrown by")));
  }
  void ExpectServes() {
    const absl::StatusOr<Text> reply = Echo(Script("echo on"));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->text(), "on");
  }
};
INSTANTIATE_TEST_SUITE_P(Forms, ExceptionsTest, AllForms(), FormsName);

TEST_P(ExceptionsTest, OfAUnaryHandlerEndTheCall) {
  for (int i = 0; i < 3; ++i) {
    ExpectThrew(Echo(Script("echo lost;throw")).status());
    ExpectServes();
  }
}

TEST_P(ExceptionsTest, OfAHandlerThatWritesEndTheCallBehindWhatItWrote) {
  auto call = Watch("burst 3;throw");
  for (int i = 0; i < 3; ++i) {
    const std::optional<Text> reply = call->Read();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->number(), i);
  }
  EXPECT_FALSE(call->Read().has_value());
  ExpectThrew(call->Finish().status());
  ExpectServes();
}

TEST_P(ExceptionsTest, OfAHandlerThatReadsEndTheCall) {
  auto call = Collect();
  EXPECT_TRUE(call->Write(Script("one")));
  call->Write(Script("throw"));
  ExpectThrew(call->Finish().status());
  ExpectServes();
}

TEST_P(ExceptionsTest, OfAHandlerOfBothEndTheCall) {
  auto call = Chat();
  EXPECT_TRUE(call->Write(Script("echo first")));
  EXPECT_TRUE(call->Read().has_value());
  EXPECT_TRUE(call->Write(Script("throw")));
  EXPECT_FALSE(call->Read().has_value());
  ExpectThrew(call->Finish().status());
  ExpectServes();
}

// A server's interceptor is called like a handler.
class ThrowingInterceptor final : public ServerInterceptor {
 public:
  void Serve(
      const Method&, std::shared_ptr<ServerCall> call,
      absl::FunctionRef<void(std::shared_ptr<ServerCall>)> next) override {
    if (call->context().metadata().Get("throw").has_value()) {
      throw std::runtime_error("thrown by an interceptor");
    }
    next(std::move(call));
  }
};

class InterceptorExceptionsTest : public ExceptionsTest {
  ServerOptions server_options() const override {
    return {.interceptors = {std::make_shared<ThrowingInterceptor>()}};
  }
};
INSTANTIATE_TEST_SUITE_P(Forms, InterceptorExceptionsTest, AllForms(),
                         FormsName);

TEST_P(InterceptorExceptionsTest, EndTheCall) {
  ExpectThrew(
      Echo(Script("echo lost"), {.metadata = {{"throw", "yes"}}}).status());
  ExpectThrew(Echo(Script("throw")).status());
  ExpectServes();
}

Task<int> Throws() {
  throw std::runtime_error("thrown by a task");
  co_return 1;
}
Task<void> ThrowsToo() { (void)co_await Throws(); }

TEST(TaskExceptionsTest, ComeToWhoAwaits) {
  EXPECT_THROW(BlockOn(Throws()), std::runtime_error);
  EXPECT_THROW(BlockOn(ThrowsToo()), std::runtime_error);
  const bool caught = BlockOn([]() -> Task<bool> {
    try {
      co_await ThrowsToo();
    } catch (const std::runtime_error&) {
      co_return true;
    }
    co_return false;
  }());
  EXPECT_TRUE(caught);
}

}  // namespace
}  // namespace fdrpc::testing
