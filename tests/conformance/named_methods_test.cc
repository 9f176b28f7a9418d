// Methods that client and server define differently, and very many methods.

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "fdrpc/client_stream.h"
#include "fdrpc/internal/stub.h"
#include "tests/conformance/attacked_server.h"

namespace fdrpc::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr absl::Duration kGiveUp = absl::Seconds(30);
constexpr MethodKind kAllKinds[] = {
    MethodKind::kUnary, MethodKind::kClientStreaming,
    MethodKind::kServerStreaming, MethodKind::kBidirectional};

// A server, and clients that were built from another version of its service.
class NamedMethodsTest : public AttackedServer {
 protected:
  void Serve() {
    AttackedServer::Serve();
    absl::StatusOr<Channel> channel = Channel::Connect(address());
    ASSERT_TRUE(channel.ok()) << channel.status();
    channel_ = *std::move(channel);
  }
  void TearDown() override {
    // The server must hold nothing after its clients are gone.
    channel_.reset();
    AttackedServer::TearDown();
  }
  // Calls the method as one of that kind, and uses everything that it has.
  absl::Status CallAs(const std::string& name, MethodKind kind) {
    names_.push_back("fdrpc.testing.TestService/" + name);
    methods_.push_back({.full_name = names_.back(), .kind = kind});
    const Method& method = methods_.back();
    Caller& caller = *caller_of(*channel_);
    const CallOptions options = {.timeout = kGiveUp};
    const Text request = TextOf("text", 2);
    switch (kind) {
      case MethodKind::kUnary:
        return internal::BlockingUnary<Text>(caller, method, request, options)
            .status();
      case MethodKind::kServerStreaming: {
        ClientReader<Text> reader(internal::StartWithRequest(
            caller, method, request, options, CallForm::kBlocking));
        while (reader.Read().has_value()) {
        }
        return reader.Finish();
      }
      case MethodKind::kClientStreaming: {
        ClientWriter<Text, Text> writer(
            caller.StartCall(method, nullptr, options, CallForm::kBlocking));
        (void)writer.Write(request);
        return writer.Finish().status();
      }
      case MethodKind::kBidirectional: {
        ClientStream<Text, Text> stream(
            caller.StartCall(method, nullptr, options, CallForm::kBlocking));
        (void)stream.Write(request);
        stream.WritesDone();
        while (stream.Read().has_value()) {
        }
        return stream.Finish();
      }
    }
    return absl::OkStatus();
  }
  static std::shared_ptr<Caller> caller_of(const Channel& channel) {
    return channel;
  }
  static bool StreamsRequests(MethodKind kind) {
    return kind == MethodKind::kClientStreaming ||
           kind == MethodKind::kBidirectional;
  }

  std::optional<Channel> channel_;
  // Borrowed by the runtime.
  std::deque<std::string> names_;
  std::deque<Method> methods_;
};
INSTANTIATE_TEST_SUITE_P(Over, NamedMethodsTest, kAllSchemes, SchemeName);

TEST_P(NamedMethodsTest, AKindThatDiffersFailsOnlyTheCallAndIsNamed) {
  Serve();
  // It is on the same connection all the time.
  ClientStream<Text, Text> other = TestService::Stub(*channel_).Chat();
  const std::vector<std::pair<std::string, MethodKind>> served = {
      {"Echo", MethodKind::kUnary},
      {"Collect", MethodKind::kClientStreaming},
      {"Watch", MethodKind::kServerStreaming},
      {"Chat", MethodKind::kBidirectional}};
  int round = 0;
  for (const auto& [name, kind] : served) {
    for (const MethodKind as : kAllKinds) {
      SCOPED_TRACE(name + " as " + std::to_string(static_cast<int>(as)));
      const absl::Status status = CallAs(name, as);
      if (as == kind) {
        EXPECT_TRUE(status.ok()) << status;
      } else {
        EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
        EXPECT_THAT(std::string(status.message()),
                    AllOf(HasSubstr("fdrpc.testing.TestService/" + name),
                          HasSubstr("on the server"),
                          HasSubstr(StreamsRequests(as) != StreamsRequests(kind)
                                        ? "a stream of requests"
                                        : "a stream of replies")));
      }
      ASSERT_TRUE(other.Write(TextOf("on", ++round)));
      const std::optional<Text> echoed = other.Read();
      ASSERT_TRUE(echoed.has_value());
      EXPECT_EQ(echoed->number(), round);
    }
  }
  other.WritesDone();
  EXPECT_FALSE(other.Read().has_value());
  EXPECT_TRUE(other.Finish().ok());
}

TEST_P(NamedMethodsTest, MoreMethodsThanAConnectionNamesGoToAnother) {
  Serve();
  ClientStream<Text, Text> first = TestService::Stub(*channel_).Chat();
  // Including the stream's, one more than a connection has ids for, and some.
  for (int i = 0; i < 4100; ++i) {
    const absl::Status status =
        CallAs("None" + std::to_string(i), MethodKind::kUnary);
    ASSERT_EQ(status.code(), absl::StatusCode::kUnimplemented)
        << i << ": " << status;
  }
  // Calls on the first connection continue.
  ASSERT_TRUE(first.Write(TextOf("on")));
  EXPECT_TRUE(first.Read().has_value());
  EXPECT_TRUE(CallAs("Echo", MethodKind::kUnary).ok());
  first.WritesDone();
  EXPECT_TRUE(first.Finish().ok());
}

}  // namespace
}  // namespace fdrpc::testing
